import type { Environment } from '@marcbachmann/cel-js';
import { DateTime, IANAZone } from 'luxon';
import { createHash, createHmac, randomUUID } from 'node:crypto';

/** CEL's own name of a point in time. In JavaScript it is a `Date`. */
export const TIMESTAMP = 'google.protobuf.Timestamp';

const SYNC = { async: false } as never;

/** An asynchronous function would turn every result into a promise: these are all synchronous. */
type Handler = (...args: never[]) => unknown;

function register(environment: Environment, functions: Readonly<Record<string, Handler>>): void {
  for (const [signature, handler] of Object.entries(functions))
    environment.registerFunction(signature, handler, SYNC);
}

/** The functions of every expression: times as text and numbers, `join`. */
export function registerCommon(environment: Environment): void {
  register(environment, {
    [`iso(${TIMESTAMP}): string`]: (time: Date) => time.toISOString(),
    [`epoch_s(${TIMESTAMP}): int`]: (time: Date) => BigInt(Math.floor(time.getTime() / 1_000)),
    [`epoch_ms(${TIMESTAMP}): int`]: (time: Date) => BigInt(time.getTime()),
    [`epoch_us(${TIMESTAMP}): int`]: (time: Date) => BigInt(time.getTime()) * 1_000n,
    [`epoch_ns(${TIMESTAMP}): int`]: (time: Date) => BigInt(time.getTime()) * 1_000_000n,
    [`format(${TIMESTAMP}, string): string`]: format,
    [`format(${TIMESTAMP}, string, string): string`]: format,
    [`parse_time(string, string): ${TIMESTAMP}`]: parseTime,
    [`parse_time(string, string, string): ${TIMESTAMP}`]: parseTime,
    'join(list, string): string': (list: unknown[], separator: string) => list.map(text).join(separator),
  });
  for (const operator of Object.keys(ARITHMETIC) as (keyof typeof ARITHMETIC)[]) {
    const apply = (one: number | bigint, other: number | bigint) =>
      ARITHMETIC[operator](Number(one), Number(other));
    // A number in JSON is a double, a literal such as 1 an int.
    environment.registerOperator(`double ${operator} int: double`, apply);
    environment.registerOperator(`int ${operator} double: double`, apply);
  }
}

const ARITHMETIC = {
  '+': (one: number, other: number) => one + other,
  '-': (one: number, other: number) => one - other,
  '*': (one: number, other: number) => one * other,
  '/': (one: number, other: number) => one / other,
  '%': (one: number, other: number) => one % other,
};

/** The functions of `auth` besides: hashes, encodings, `uuid`. */
export function registerAuth(environment: Environment): void {
  register(environment, { 'uuid(): string': () => randomUUID() });
  for (const one of ['string', 'bytes']) {
    register(environment, {
      [`sha256(${one}): bytes`]: (data: Data) => createHash('sha256').update(data).digest(),
      [`hex(${one}): string`]: (data: Data) => Buffer.from(data as Buffer).toString('hex'),
      [`base64(${one}): string`]: (data: Data) => Buffer.from(data as Buffer).toString('base64'),
    });
    for (const other of ['string', 'bytes'])
      register(environment, {
        [`hmac_sha1(${one}, ${other}): bytes`]: (key: Data, data: Data) => hmac('sha1', key, data),
        [`hmac_sha256(${one}, ${other}): bytes`]: (key: Data, data: Data) => hmac('sha256', key, data),
      });
  }
  register(environment, { 'base64_decode(string): bytes': (data: string) => Buffer.from(data, 'base64') });
}

type Data = string | Uint8Array;

function hmac(algorithm: string, key: Data, data: Data): Buffer {
  return createHmac(algorithm, key).update(data).digest();
}

function text(value: unknown): string {
  if (typeof value === 'object' && value !== null)
    throw new Error('join: the list holds another list or a map');
  return String(value);
}

function zoneOf(name: string): string {
  if (name !== 'utc' && !IANAZone.isValidZone(name)) throw new Error(`there is no time zone ${name}`);
  return name;
}

function format(time: Date, pattern: string, zone = 'utc'): string {
  return DateTime.fromMillis(time.getTime(), { zone: zoneOf(zone), locale: 'en-US' }).toFormat(pattern);
}

function parseTime(value: string, pattern: string, zone = 'utc'): Date {
  const time = DateTime.fromFormat(value, pattern, { zone: zoneOf(zone), locale: 'en-US' });
  if (!time.isValid) throw new Error(`the text is no time in the format ${pattern}`);
  return time.toJSDate();
}
