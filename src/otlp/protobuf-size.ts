import type { AnyValue, LogRecord } from '@opentelemetry/api';
import { utf8 } from './text-size.ts';

/** Two times with their tags, the severity number, and the count of dropped attributes. */
const FIXED = 9 + 9 + 2 + 2;

/**
 * Bytes of a record in a list of protobuf (opentelemetry-proto logs/v1/logs.proto; every field number is below 16, so
 * a tag is one byte).
 */
export function protobufSize({ body, attributes = {}, severityText = '' }: LogRecord): number {
  return framed(FIXED + framed(utf8(severityText)) + framed(valueSize(body)) + keyValues(attributes));
}

/** Undefined members are absent on the wire. */
function keyValues(entries: object): number {
  let sum = 0;
  for (const [key, value] of Object.entries<AnyValue>(entries as Record<string, AnyValue>)) {
    if (value !== undefined) sum += framed(framed(utf8(key)) + framed(valueSize(value)));
  }
  return sum;
}

function valueSize(value: AnyValue): number {
  if (typeof value === 'string') return framed(utf8(value));
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return Number.isInteger(value) ? 1 + varint(value) : 9;
  if (Array.isArray(value)) {
    return framed(value.reduce<number>((sum, item: AnyValue) => sum + framed(valueSize(item)), 0));
  }
  return typeof value === 'object' && value !== null ? framed(keyValues(value)) : 0;
}

/** Tag, length, and that many bytes. */
function framed(length: number): number {
  return 1 + varint(length) + length;
}

function varint(value: number): number {
  if (value < 0) return 10;
  let bytes = 1;
  for (let left = value; left >= 128; left /= 128) bytes += 1;
  return bytes;
}
