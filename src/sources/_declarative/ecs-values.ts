import { isIP } from 'node:net';
import type { EcsValue } from '../../core/event.ts';
import type { EcsField } from '../../ecs/fields.ts';
import { isoText, readTime, type TimeFormat } from './time.ts';

/** What a store needs to know of a field. */
export type Target = Pick<EcsField, 'type' | 'array'> & Partial<Pick<EcsField, 'allowed' | 'pattern'>>;

/** A value in the type of its field; `problems`: what was left out, in words. `value` is undefined when nothing is left. */
export interface Converted {
  readonly value: EcsValue | undefined;
  readonly problems: readonly string[];
  /** It is the first of several values. */
  readonly shortened?: boolean;
}

type Scalar = string | number | boolean;
type One = { readonly value: Scalar } | { readonly problem: string } | undefined;

const NOTHING: Converted = { value: undefined, problems: [] };

/** Converts a value of a record, or a result of CEL, to the type of its field. A single field takes a list's first element. */
export function converted(value: unknown, target: Target, format: TimeFormat): Converted {
  if (value === undefined || value === null) return NOTHING;
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  const given = all.filter((one) => one !== null && one !== undefined);
  const values: Scalar[] = [];
  const problems: string[] = [];
  for (const one of target.array ? given : given.slice(0, 1)) {
    const result = convertOne(one, target, format);
    if (result === undefined) continue;
    if ('problem' in result) problems.push(result.problem);
    else values.push(result.value);
  }
  const [first] = values;
  const shortened = !target.array && given.length > 1;
  if (first === undefined) return { value: undefined, problems, shortened };
  return { value: target.array ? ([...new Set(values)] as EcsValue) : first, problems, shortened };
}

function convertOne(value: unknown, { type, allowed, pattern }: Target, format: TimeFormat): One {
  if (value === null || value === undefined || value === '') return undefined;
  const result = CONVERSIONS[type]?.(value, format) ?? asText(value);
  if ('problem' in result) return result;
  if (allowed !== undefined && !allowed.includes(String(result.value)))
    return { problem: `ECS does not allow ${shown(result.value)}` };
  if (pattern !== undefined && !pattern.test(String(result.value)))
    return { problem: `${shown(result.value)} does not match ${pattern.source}` };
  return result;
}

type Conversion = (value: unknown, format: TimeFormat) => NonNullable<One>;

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  long: asWhole,
  integer: asWhole,
  short: asWhole,
  byte: asWhole,
  unsigned_long: asWhole,
  float: asNumber,
  double: asNumber,
  half_float: asNumber,
  scaled_float: asNumber,
  boolean: asBoolean,
  ip: (value) => (isAddress(value) ? { value } : { problem: `expected an IP address (got ${shown(value)})` }),
  date: (value, format) => {
    const time = readTime(value, format);
    return time === undefined
      ? { problem: `expected a time as ${format.pattern ?? format.kind} (got ${shown(value)})` }
      : { value: isoText(time) };
  },
};

function asText(value: unknown): NonNullable<One> {
  if (typeof value === 'string') return { value };
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return { value: String(value) };
  return { problem: `expected text (got ${shown(value)})` };
}

const WHOLE = /^[+-]?\d{1,19}$/;
const NUMBER = /^[+-]?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?$/;

function asWhole(value: unknown): NonNullable<One> {
  const number = typeof value === 'string' && WHOLE.test(value) ? BigInt(value) : value;
  if (typeof number === 'bigint') {
    if (number >= 2n ** 63n || number < -(2n ** 63n))
      return { problem: `${shown(value)} does not fit a long` };
    // Exact integers beyond 2^53 are strings in an event.
    return { value: Number.isSafeInteger(Number(number)) ? Number(number) : String(number) };
  }
  if (typeof number === 'number' && Number.isSafeInteger(number)) return { value: number };
  return { problem: `expected a whole number (got ${shown(value)})` };
}

function asNumber(value: unknown): NonNullable<One> {
  const number =
    typeof value === 'bigint' || (typeof value === 'string' && NUMBER.test(value)) ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return { value: number };
  return { problem: `expected a number (got ${shown(value)})` };
}

function asBoolean(value: unknown): NonNullable<One> {
  if (typeof value === 'boolean') return { value };
  if (value === 'true' || value === 'false') return { value: value === 'true' };
  return { problem: `expected true or false (got ${shown(value)})` };
}

/** An IPv4 or IPv6 address without a zone, as Elasticsearch's `ip` type accepts it. */
export function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
}

/** Longer values are cut in messages. Characters. */
const LONGEST_SHOWN = 60;

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = `${value as string | number | bigint | boolean}`;
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
