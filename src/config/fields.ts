import { IANAZone } from 'luxon';
import * as z from 'zod';
import { DURATION, parseDuration } from '../core/duration.ts';
import { parseSchedule } from '../core/schedule.ts';
import { Secret } from '../core/secret.ts';
import { whyNoHeader, whyNoText } from './secrets.ts';
import { namesOtherHome } from './files.ts';

/**
 * The kinds of values in a configuration. The loader prints their messages after file, line, column and path. Defaults are
 * given as an operator would write them.
 */

const NO_DURATION = 'expected a duration such as 30s, 5m, 2h or 7d';

/** Inclusive bounds, written as the operator would. */
interface Bounds {
  readonly from?: string;
  readonly to?: string;
}

function durationField({ from = '0s', to }: Bounds = {}) {
  const least = parseDuration(from) ?? 0;
  const most = to === undefined ? Infinity : (parseDuration(to) ?? Infinity);
  return z
    .string(NO_DURATION)
    .regex(DURATION, NO_DURATION)
    .refine((text) => (parseDuration(text) ?? least) >= least, {
      error: ({ input }) => `must be at least ${from} (got ${String(input)})`,
    })
    .refine((text) => (parseDuration(text) ?? 0) <= most, {
      error: ({ input }) => `must be at most ${to} (got ${String(input)})`,
    })
    .transform((text) => parseDuration(text) ?? 0);
}

/** A duration, in milliseconds: `duration('5m')` has that default, `duration()` is required. */
export function duration(fallback: string, bounds?: Bounds): z.ZodPrefault<ReturnType<typeof durationField>>;
export function duration(fallback?: undefined, bounds?: Bounds): ReturnType<typeof durationField>;
export function duration(fallback?: string, bounds?: Bounds) {
  const field = durationField(bounds);
  return fallback === undefined ? field : field.prefault(fallback);
}

const SIZES = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;
const BYTES = /^(\d{1,16})(KiB|MiB|GiB|)$/;
const NO_BYTES = 'expected a size in bytes such as 900000, 512KiB, 64MiB or 2GiB';

/** Bytes of `64MiB` or `900000`; undefined for any other text, and for a size too large to be exact. */
export function parseBytes(text: string): number | undefined {
  const [, amount, unit] = BYTES.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const bytes = Number(amount) * SIZES[unit as keyof typeof SIZES];
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function bytesOf(size: number | string): number | undefined {
  return typeof size === 'number' ? size : parseBytes(size);
}

function bytesField(from: string) {
  const least = parseBytes(from) ?? 0;
  return z
    .union([z.int(NO_BYTES).nonnegative(NO_BYTES), z.string().regex(BYTES, NO_BYTES)], NO_BYTES)
    .refine((size) => bytesOf(size) !== undefined, NO_BYTES)
    .refine((size) => (bytesOf(size) ?? least) >= least, {
      error: ({ input }) => `must be at least ${from} (got ${String(input)})`,
    })
    .transform((size) => bytesOf(size) ?? Number.NaN);
}

/** A size in bytes: `bytes('64MiB')` has that default, `bytes()` is required; `from` is the smallest one allowed. */
export function bytes(fallback: string, from?: string): z.ZodPrefault<ReturnType<typeof bytesField>>;
export function bytes(fallback?: undefined, from?: string): ReturnType<typeof bytesField>;
export function bytes(fallback?: string, from = '0') {
  const field = bytesField(from);
  return fallback === undefined ? field : field.prefault(fallback);
}

const NO_LIMIT = 'expected a size such as 64MiB or 1GiB, or an age such as 12h or 7d';

/** A size (`1GiB`) or an age (`7d`), more than zero. */
export function sizeOrAge(fallback: string) {
  return z
    .union([z.int(NO_LIMIT), z.string(NO_LIMIT).regex(SIZE_OR_AGE, NO_LIMIT)], NO_LIMIT)
    .transform((value) => limitOf(String(value)))
    .refine((limit) => Object.values(limit).every((least) => least > 0), NO_LIMIT)
    .prefault(fallback);
}

const SIZE_OR_AGE = new RegExp(`${BYTES.source}|${DURATION.source}`);

function limitOf(text: string): { readonly bytes: number } | { readonly age: number } {
  const age = parseDuration(text);
  return age === undefined ? { bytes: parseBytes(text) ?? 0 } : { age };
}

/** A value that is never printed and is sent unchanged in a header; `writeOnly` marks it in the JSON Schema. */
export function secret() {
  return secretField(whyNoHeader);
}

/** As `secret`, for a value that is encoded before it is sent, or never sent: any characters are allowed. */
export function password() {
  return secretField(whyNoText);
}

function secretField(why: (value: string) => string | undefined) {
  return z
    .string('expected text (quote it if it looks like a number)')
    .min(1, 'must not be empty')
    .refine((value) => why(value) === undefined, { error: ({ input }) => why(String(input)) })
    .transform((value) => new Secret(value, (fresh) => why(fresh) === undefined))
    .meta({ writeOnly: true });
}

const NO_URL =
  'expected an http:// or https:// URL without credentials, query or fragment, such as https://siem.example.com';

/** The normalised form of a base URL: host in lower case, no default port, no trailing slash. Undefined for invalid text. */
export function normaliseUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.username !== '' || url.password !== '' || /[?#\s]/.test(text)) return undefined;
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** A base URL, normalised, so that two spellings of one server name the same streams. */
export function httpUrl() {
  return z
    .string(NO_URL)
    .refine((text) => normaliseUrl(text) !== undefined, NO_URL)
    .transform((text) => normaliseUrl(text) ?? text)
    .meta({ format: 'uri' });
}

const NO_SCHEDULE = 'expected a schedule such as `every 5m`, or a cron expression of five or six fields';

function isSchedule(text: string): boolean {
  try {
    parseSchedule(text, 'UTC', () => 0);
    return true;
  } catch {
    return false;
  }
}

/** When to poll. A schedule that cannot be parsed, or that never comes, is an error here. */
export function schedule() {
  return z.string(NO_SCHEDULE).refine(isSchedule, NO_SCHEDULE);
}

const NO_ZONE = 'expected an IANA time zone such as UTC or Europe/Berlin';

export function timezone() {
  return z.string(NO_ZONE).refine((zone) => IANAZone.isValidZone(zone), NO_ZONE);
}

const NO_ACCOUNT =
  'expected an account name such as emea: one line, no blanks at either end (quote it if it looks like a number)';

/** The name of a vendor account; may be empty. */
export function account() {
  return z.string(NO_ACCOUNT).regex(/^(?!\s)[^\p{Cc}\p{Cs}]*(?<!\s)$/u, NO_ACCOUNT);
}

/** A path, relative to the working directory; `~/` is the home directory. */
export function filePath() {
  return z
    .string('expected a path such as /run/secrets/token')
    .min(1, 'expected a path such as /run/secrets/token')
    .refine(
      (path) => !namesOtherHome(path),
      'only ~/ is expanded to a home directory; write the whole path, or ./~name for a file of that name',
    );
}

const NO_NAMESPACE =
  'expected a data stream namespace such as prod: lower case, at most 100 bytes, none of - \\ / * ? " < > | , # : or blank';

/** `data_stream.namespace` (elastic.co: data stream naming scheme): a receiver would reject every record with another name. */
export function namespace() {
  return z
    .string(NO_NAMESPACE)
    .regex(/^[^-\\/*?"<>|,#:\s]+$/, NO_NAMESPACE)
    .refine((name) => name === name.toLowerCase() && Buffer.byteLength(name) <= 100, NO_NAMESPACE);
}

/** Labels by name. A dot in a name would nest one label in another, so it is an error. */
export function labels() {
  return z
    .record(
      z.string().regex(/^[^.\s]+$/, 'label names must not contain dots or blanks'),
      z.string('expected text (quote it if it looks like a number)'),
    )
    .prefault({});
}

/** Where to listen: `host:port`, `[::1]:port`, or `:port` for every address. */
export interface ListenAddress {
  /** Undefined: every address of the host. */
  readonly host: string | undefined;
  readonly port: number;
}

const ADDRESS = /^(?:(?<name>[\w.-]+)|\[(?<ipv6>[\da-fA-F:.]+)\])?:(?<port>\d{1,5})$/;
const LAST_PORT = 65_535;

/** Undefined for invalid text. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const { name, ipv6, port } = ADDRESS.exec(text)?.groups ?? {};
  if (port === undefined || Number(port) > LAST_PORT) return undefined;
  return { host: ipv6 ?? name, port: Number(port) };
}
