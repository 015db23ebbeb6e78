import type { AnyValue, LogRecord } from '@opentelemetry/api';
import type { DestinationConfig } from '../config/types.ts';

/** How requests are encoded. */
export type Encoding = DestinationConfig['protocol'];

/**
 * Bytes that a record adds to an export request before compression: exact, or a few more. They are counted and not
 * serialised, because the exporter serialises the records that it sends again. Strings must be well-formed.
 */
export function recordSize(record: LogRecord, encoding: Encoding): number {
  return encoding === 'http/json' ? jsonSize(record) : protobufSize(record);
}

// Protobuf: opentelemetry-proto logs/v1/logs.proto. Every field number is below 16, so a tag is one byte.

/** Two times with their tags, the severity number, and the count of dropped attributes. */
const PROTOBUF_FIXED = 9 + 9 + 2 + 2;

function protobufSize({ body, attributes = {}, severityText = '' }: LogRecord): number {
  const fields = framed(utf8(severityText)) + framed(protobufValue(body)) + protobufPairs(attributes);
  return framed(PROTOBUF_FIXED + fields);
}

/** Undefined members are absent from the request. */
function protobufPairs(entries: object): number {
  let sum = 0;
  for (const [key, value] of Object.entries<AnyValue>(entries as Record<string, AnyValue>)) {
    if (value !== undefined) sum += framed(framed(utf8(key)) + framed(protobufValue(value)));
  }
  return sum;
}

function protobufValue(value: AnyValue): number {
  if (typeof value === 'string') return framed(utf8(value));
  if (typeof value === 'boolean') return 2;
  if (typeof value === 'number') return Number.isInteger(value) ? 1 + varint(value) : 9;
  if (Array.isArray(value)) {
    return framed(value.reduce<number>((sum, item: AnyValue) => sum + framed(protobufValue(item)), 0));
  }
  return typeof value === 'object' && value !== null ? framed(protobufPairs(value)) : 0;
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

// JSON, as the exporter writes it. Its numbers may be shorter than counted here.

const JSON_FIXED =
  '{"timeUnixNano":"","observedTimeUnixNano":"","severityNumber":10,"severityText":"","body":,"attributes":[],"droppedAttributesCount":0},'
    .length +
  20 +
  20;
const JSON_PAIR = '{"key":,"value":},'.length;

function jsonSize({ body, attributes = {}, severityText = '' }: LogRecord): number {
  return JSON_FIXED + severityText.length + jsonValue(body) + jsonPairs(attributes);
}

function jsonPairs(entries: object): number {
  let sum = 0;
  for (const [key, value] of Object.entries<AnyValue>(entries as Record<string, AnyValue>)) {
    if (value !== undefined) sum += JSON_PAIR + jsonString(key) + jsonValue(value);
  }
  return sum;
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
  return '{"kvlistValue":{"values":[]}}'.length + jsonPairs(value);
}

/** What JSON escapes: two bytes for some characters, six for the other control characters. */
// oxlint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u001f]/g;

function jsonString(text: string): number {
  if (isPlain(text)) return 2 + text.length;
  const escaped = text.match(ESCAPED) ?? [];
  return 2 + utf8(text) + escaped.reduce((sum, found) => sum + (found < ' ' ? 5 : 1), 0);
}

/** Bytes of a well-formed string in UTF-8. */
function utf8(text: string): number {
  return isPlain(text) ? text.length : Buffer.byteLength(text);
}

/** Native code is faster for longer strings. */
const LONGEST_SCANNED = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a string is short and each character is one byte in UTF-8 and in JSON, as in nearly all strings. */
function isPlain(text: string): boolean {
  if (text.length > LONGEST_SCANNED) return false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return false;
  }
  return true;
}
