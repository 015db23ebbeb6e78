import type { AnyValue } from '@opentelemetry/api';
import type { EcsEvent, EcsValue } from '../core/event.ts';
import { toJson } from '../core/json.ts';

/**
 * Makes every value of an event one that the exporters carry unchanged: they lose BigInt and Date, send whole numbers
 * that no 64-bit integer holds as one all the same, and NaN as a `doubleValue: null`; for both, receivers refuse the
 * whole request. Such integers become strings; what is no value (null, NaN) is absent. A double beyond 2^53 that fits
 * stays a number, so that a path keeps its type (`event.duration`).
 */
export function makeSafe(event: EcsEvent): EcsEvent {
  const entries = Object.entries<AnyValue>(event);
  if (entries.every(([name, value]) => name.isWellFormed() && isSafe(value))) return event;
  const safe: Record<string, EcsValue> = {};
  for (const [name, value] of entries) {
    const made = Array.isArray(value) ? safeArray(value) : safeScalar(value);
    if (name !== '' && made !== undefined) safe[name.toWellFormed()] = made;
  }
  return safe;
}

/** Doubles from here on fit no 64-bit integer; those before it do. */
const INT64_END = 2 ** 63;

/** What nearly every value is: then nothing need be copied. */
function isSafe(value: AnyValue): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return safeNumber(value) === value;
  if (typeof value === 'boolean') return true;
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'string' && item.isWellFormed())
  );
}

/** An array keeps one type: a string among its elements makes all of them strings. */
function safeArray(values: readonly AnyValue[]): EcsValue | undefined {
  const safe = values.map(safeScalar).filter((value) => value !== undefined);
  if (safe.length === 0) return undefined;
  const mixed = safe.some((value) => typeof value !== typeof safe[0]);
  return mixed ? safe.map(String) : (safe as string[] | number[]);
}

function safeScalar(value: AnyValue): string | number | boolean | undefined {
  // A lone surrogate has no UTF-8 form: each encoding would bend it in its own way.
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return safeNumber(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'object' && value !== null ? safeObject(value) : undefined;
}

function safeNumber(value: number): number | string | undefined {
  if (!Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && Math.abs(value) >= INT64_END ? String(BigInt(value)) : value;
}

function safeObject(value: object): string {
  return value instanceof Date ? value.toISOString() : toJson(value).toWellFormed();
}
