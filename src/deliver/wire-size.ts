import type { AnyValue, Attributes, LogRecord } from '@opentelemetry/api';
import type { DestinationConfig } from '../config/types.ts';

export type Encoding = DestinationConfig['protocol'];

/**
 * Bytes that a record adds to an export request before compression: exact, or a few more. Counted rather than
 * serialised, because the exporter serialises whatever it sends once more. Strings must be well-formed.
 */
export function recordSize(record: LogRecord, encoding: Encoding): number {
  return encoding === 'http/json' ? jsonRecord(record) : framed(protobufRecord(record));
}

// ---- protobuf (opentelemetry-proto logs/v1/logs.proto): every field number is below 16, so a tag is one byte

/** Two times with their tags, the severity number, and the count of dropped attributes. */
const PROTOBUF_FIXED = 9 + 9 + 2 + 2;

function protobufRecord({ body, attributes = {}, severityText = '' }: LogRecord): number {
  return PROTOBUF_FIXED + framed(utf8(severityText)) + framed(protobufValue(body)) + keyValues(attributes);
}

function keyValues(entries: object): number {
  return Object.entries(entries).reduce(
    (sum, [key, value]) => sum + framed(framed(utf8(key)) + framed(protobufValue(value as AnyValue))),
    0,
  );
}

function protobufValue(value: AnyValue): number {
  if (typeof value === 'string') return framed(utf8(value));
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return Number.isInteger(value) ? 1 + varint(value) : 9;
  if (Array.isArray(value)) {
    return framed(value.reduce<number>((sum, item: AnyValue) => sum + framed(protobufValue(item)), 0));
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

function utf8(text: string): number {
  return Buffer.byteLength(text);
}

// ---- JSON, as the exporter writes it

const JSON_FIXED =
  '{"timeUnixNano":"","observedTimeUnixNano":"","severityNumber":10,"severityText":"","body":,"attributes":[],"droppedAttributesCount":0},'
    .length +
  20 +
  20;
const JSON_KEY_VALUE = '{"key":,"value":},'.length;

function jsonRecord({ body, attributes = {}, severityText = '' }: LogRecord): number {
  return JSON_FIXED + severityText.length + jsonValue(body) + jsonKeyValues(attributes);
}

function jsonKeyValues(entries: Attributes | object): number {
  return Object.entries(entries).reduce(
    (sum, [key, value]) => sum + JSON_KEY_VALUE + jsonString(key) + jsonValue(value as AnyValue),
    0,
  );
}

function jsonValue(value: AnyValue): number {
  if (typeof value === 'string') return '{"stringValue":}'.length + jsonString(value);
  if (typeof value === 'boolean') return '{"boolValue":false}'.length;
  if (typeof value === 'number') return '{"doubleValue":}'.length + String(value).length;
  if (Array.isArray(value)) {
    const items = value.reduce<number>((sum, item: AnyValue) => sum + 1 + jsonValue(item), 0);
    return '{"arrayValue":{"values":[]}}'.length + items;
  }
  if (typeof value !== 'object' || value === null) return '{}'.length;
  return '{"kvlistValue":{"values":[]}}'.length + jsonKeyValues(value);
}

/** What JSON escapes: two bytes for some, six for the other control characters. */
// oxlint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u001f]/g;

function jsonString(text: string): number {
  const escaped = text.match(ESCAPED) ?? [];
  return 2 + utf8(text) + escaped.reduce((sum, found) => sum + (found < ' ' ? 5 : 1), 0);
}
