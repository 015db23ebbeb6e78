import type { EcsValue } from '../core/event.ts';
import { toJson } from '../core/json.ts';
import { VALUE } from './layout.ts';
import type { ProtobufWriter } from './protobuf.ts';

/** Doubles from here on do not fit into a 64-bit integer. */
const INT64_END = 2 ** 63;

/**
 * A value as OTLP can carry it; undefined: it is left out. Null, NaN, the infinities and empty arrays are left out. A
 * BigInt, and a whole number that does not fit into a 64-bit integer, becomes its digits as a string, except where the
 * field is a `double`. Dates and objects become strings (ISO 8601, JSON).
 * @throws RangeError or TypeError for an object that JSON cannot write
 */
export function safeValue(value: unknown, double: boolean): EcsValue | undefined {
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? safeArray(value, double) : safeScalar(value, double);
}

/** Any value as text: a string as it is, another as JSON, '' for what is left out. Throws as `safeValue` does. */
export function textOf(value: unknown): string {
  const safe = safeValue(value, false) ?? '';
  return typeof safe === 'string' ? safe : toJson(safe);
}

/** An array keeps one type: where its elements would differ, all of them become strings. */
function safeArray(values: readonly unknown[], double: boolean): EcsValue | undefined {
  if (values.length > 0 && values.every((value) => typeof value === 'string')) return values;
  const safe = values.map((value) => safeScalar(value, double)).filter((value) => value !== undefined);
  if (safe.length === 0) return undefined;
  const mixed = safe.some((value) => typeof value !== typeof safe[0]);
  return mixed ? safe.map(String) : (safe as string[] | number[]);
}

function safeScalar(value: unknown, double: boolean): string | number | boolean | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return safeNumber(value, double);
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' && value !== null ? toJson(value) : undefined;
}

function safeNumber(value: number, double: boolean): number | string | undefined {
  if (!Number.isFinite(value)) return undefined;
  return !double && Math.abs(value) >= INT64_END ? String(BigInt(value)) : value;
}

/**
 * Writes a value that `safeValue` returned as the content of an AnyValue. A number of a `double` field is a doubleValue,
 * also a whole one, so that the field never changes its type in a store; other whole numbers are intValues.
 */
export function writeValue(writer: ProtobufWriter, value: EcsValue, double: boolean): void {
  if (typeof value === 'string') {
    writer.byte(VALUE.string);
    writer.text(value);
  } else if (typeof value === 'boolean') {
    writer.byte(VALUE.bool);
    writer.byte(value ? 1 : 0);
  } else if (typeof value === 'number') {
    writeNumber(writer, value, double);
  } else {
    writer.byte(VALUE.array);
    const array = writer.open(1);
    for (const element of value) {
      writer.byte(VALUE.element);
      const start = writer.open(1);
      writeValue(writer, element, double);
      writer.close(start, 1);
    }
    writer.close(array, 1);
  }
}

function writeNumber(writer: ProtobufWriter, value: number, double: boolean): void {
  if (double || !Number.isInteger(value)) {
    writer.byte(VALUE.double);
    writer.double(value);
  } else {
    writer.byte(VALUE.int);
    writer.varint(value);
  }
}
