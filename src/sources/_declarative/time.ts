import { DateTime, IANAZone } from 'luxon';
import { isTimestamp } from '../../ecs/common.ts';

/** How a vendor writes a time. */
export interface TimeFormat {
  readonly kind: 'iso' | 'epoch_s' | 'epoch_ms' | 'epoch_us' | 'epoch_ns' | 'format';
  /** Tokens of Luxon, for `format`. */
  readonly pattern?: string;
  /** The zone of a text that names none; undefined: such a text is no time. */
  readonly zone?: string | undefined;
}

/** A point in time as exact as the vendor gave it. */
export interface Instant {
  /** Epoch milliseconds, rounded down. */
  readonly ms: number;
  /** Decimal digits below a millisecond, without zeros at the end. */
  readonly digits: string;
}

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{0,9}))?)? ?(?:([Zz])|([+-])(\d\d):?(\d\d))?$/;
const DECIMAL = /^(\d{1,20})(?:\.(\d{1,18}))?$/;

/** The power of ten by which a unit is smaller than a second. */
const SMALLER = { epoch_s: 0, epoch_ms: 3, epoch_us: 6, epoch_ns: 9 } as const;

/** Reads a time; undefined for what is none in this format. */
export function readTime(value: unknown, format: TimeFormat): Instant | undefined {
  const { kind } = format;
  if (value instanceof Date) return instant(value.getTime(), '');
  if (kind === 'iso') return typeof value === 'string' ? readIso(value, format.zone) : undefined;
  if (kind === 'format') return typeof value === 'string' ? readFormatted(value, format) : undefined;
  return readEpoch(value, SMALLER[kind]);
}

/** ISO 8601 in UTC with milliseconds, and with more digits where there are any. */
export function isoText({ ms, digits }: Instant): string {
  const text = new Date(ms).toISOString();
  return digits === '' ? text : `${text.slice(0, -1)}${digits}Z`;
}

function instant(ms: number, digits: string): Instant | undefined {
  return isTimestamp(ms) ? { ms, digits: digits.replace(/0+$/, '') } : undefined;
}

function readIso(text: string, zone: string | undefined): Instant | undefined {
  const found = ISO.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second = '0', fraction = '', utc, sign, hours, minutes] = found;
  const parts = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const digits = fraction.padEnd(3, '0');
  const ms = Number(digits.slice(0, 3));
  if (utc === undefined && sign === undefined) return readLocal(parts, { zone, ms, digits: digits.slice(3) });
  const [y, mo, d, h, mi, s] = parts;
  const offset = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  const date = new Date(Date.UTC(y, mo - 1, d, h, mi, Math.min(s, 59)));
  const exists = date.getUTCMonth() === mo - 1 && date.getUTCDate() === d && h < 24 && mi < 60 && s <= 60;
  return exists
    ? instant(date.getTime() - offset * 60_000 + (s === 60 ? 1_000 : 0) + ms, digits.slice(3))
    : undefined;
}

interface Local {
  readonly zone: string | undefined;
  readonly ms: number;
  readonly digits: string;
}

function readLocal(
  [year, month, day, hour, minute, second]: readonly [number, number, number, number, number, number],
  { zone, ms, digits }: Local,
): Instant | undefined {
  if (zone === undefined) return undefined;
  const time = DateTime.fromObject({ year, month, day, hour, minute, second }, { zone });
  return time.isValid ? instant(time.toMillis() + ms, digits) : undefined;
}

function readFormatted(text: string, { pattern = '', zone = 'utc' }: TimeFormat): Instant | undefined {
  const time = DateTime.fromFormat(text, pattern, { zone, locale: 'en-US' });
  return time.isValid ? instant(time.toMillis(), '') : undefined;
}

/** By its decimal digits, because a double cannot hold nanoseconds. */
function readEpoch(value: unknown, smaller: number): Instant | undefined {
  const text = typeof value === 'number' || typeof value === 'bigint' ? plain(value) : value;
  const [, whole, fraction = ''] = (typeof text === 'string' ? DECIMAL.exec(text.trim()) : null) ?? [];
  if (whole === undefined) return undefined;
  // All digits of the time in nanoseconds and less.
  const digits = whole.padStart(smaller + 1, '0');
  const seconds = digits.slice(0, digits.length - smaller);
  const below = (digits.slice(digits.length - smaller) + fraction).padEnd(3, '0');
  return instant(Number(seconds) * 1_000 + Number(below.slice(0, 3)), below.slice(3, 9));
}

function plain(value: number | bigint): string {
  const text = String(value);
  return text.includes('e') && typeof value === 'number' ? value.toFixed(9) : text;
}

/** Whether a name is that of a time zone. */
export function isZone(name: string): boolean {
  return IANAZone.isValidZone(name);
}

const TOKENS: readonly (readonly [RegExp, number])[] = [
  [/S|u|x/, 1],
  [/s|X|T{3,4}|f{2,4}|F{1,4}|ttt?t?/, 1_000],
  [/m|t|T/, 60_000],
  [/h|H/, 3_600_000],
];

/** The smallest step of time that a pattern shows, milliseconds. */
export function unitOf(pattern: string): number {
  const tokens = pattern.replaceAll(/'[^']*'/g, '');
  return TOKENS.find(([token]) => token.test(tokens))?.[1] ?? 86_400_000;
}

/** The latest multiple of `unit` that is not after a time. Epoch ms. */
export function floorTo(ms: number, unit: number): number {
  return Math.floor(ms / unit) * unit;
}
