import type { AnyValue, LogRecord } from '@opentelemetry/api';
import { isPlain, utf8 } from './text-size.ts';

const FIXED =
  '{"timeUnixNano":"","observedTimeUnixNano":"","severityNumber":10,"severityText":"","body":,"attributes":[],"droppedAttributesCount":0},'
    .length +
  20 +
  20;
const KEY_VALUE = '{"key":,"value":},'.length;

/** Bytes of a record in a list of JSON, as the exporter writes it; the numbers may be shorter. */
export function jsonSize({ body, attributes = {}, severityText = '' }: LogRecord): number {
  return FIXED + severityText.length + valueSize(body) + keyValues(attributes);
}

function keyValues(entries: object): number {
  let sum = 0;
  for (const [key, value] of Object.entries<AnyValue>(entries as Record<string, AnyValue>)) {
    if (value !== undefined) sum += KEY_VALUE + stringSize(key) + valueSize(value);
  }
  return sum;
}

function valueSize(value: AnyValue): number {
  if (typeof value === 'string') return '{"stringValue":}'.length + stringSize(value);
  if (typeof value === 'boolean') return '{"boolValue":false}'.length;
  if (typeof value === 'number') return '{"doubleValue":}'.length + String(value).length;
  if (Array.isArray(value)) {
    const items = value.reduce<number>((sum, item: AnyValue) => sum + 1 + valueSize(item), 0);
    return '{"arrayValue":{"values":[]}}'.length + items;
  }
  if (typeof value !== 'object' || value === null) return '{}'.length;
  return '{"kvlistValue":{"values":[]}}'.length + keyValues(value);
}

/** What JSON escapes: two bytes for some, six for the other control characters. */
// oxlint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u001f]/g;

function stringSize(text: string): number {
  if (isPlain(text)) return 2 + text.length;
  const escaped = text.match(ESCAPED) ?? [];
  return 2 + utf8(text) + escaped.reduce((sum, found) => sum + (found < ' ' ? 5 : 1), 0);
}
