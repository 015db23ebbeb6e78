import { PAIR, RECORD, VALUE } from './layout.ts';
import { ProtobufReader } from './protobuf.ts';

/** OTLP's JSON encoding of values (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"). */
export type JsonAnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: number }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly JsonAnyValue[] } }
  | { readonly kvlistValue: { readonly values: readonly JsonKeyValue[] } };

export interface JsonKeyValue {
  readonly key: string;
  readonly value: JsonAnyValue;
}

export interface JsonLogRecord {
  /** Decimal digits, as OTLP's JSON encoding has 64-bit integers. */
  timeUnixNano: string;
  observedTimeUnixNano: string;
  severityNumber: number | undefined;
  severityText: string | undefined;
  body: JsonAnyValue | undefined;
  readonly attributes: JsonKeyValue[];
  readonly droppedAttributesCount: 0;
}

/**
 * A LogRecord of a profile in OTLP's JSON encoding. Its text is, member for member, what the official serializer makes of
 * the same record, except that a double stays a `doubleValue` also when it is whole.
 */
export function toJsonRecord(record: Uint8Array): JsonLogRecord {
  const reader = new ProtobufReader(record);
  const made: JsonLogRecord = {
    timeUnixNano: '0',
    observedTimeUnixNano: '0',
    severityNumber: undefined,
    severityText: undefined,
    body: undefined,
    attributes: [],
    droppedAttributesCount: 0,
  };
  while (reader.at < record.length) readField(reader, made);
  return made;
}

function readField(reader: ProtobufReader, record: JsonLogRecord): void {
  const tag = reader.varint();
  if (tag === RECORD.attribute) record.attributes.push(readPair(reader));
  else if (tag === RECORD.time) record.timeUnixNano = readNanos(reader);
  else if (tag === RECORD.observedTime) record.observedTimeUnixNano = readNanos(reader);
  else if (tag === RECORD.severityNumber) record.severityNumber = reader.varint();
  else if (tag === RECORD.severityText) record.severityText = reader.text();
  else if (tag === RECORD.body) record.body = readValue(reader);
  else reader.skip(tag);
}

function readNanos(reader: ProtobufReader): string {
  const [low, high] = reader.fixed64();
  return String((BigInt(high) << 32n) | BigInt(low));
}

function readPair(reader: ProtobufReader): JsonKeyValue {
  reader.open();
  reader.expect(PAIR.key);
  const key = reader.text();
  reader.expect(PAIR.value);
  return { key, value: readValue(reader) };
}

function readValue(reader: ProtobufReader): JsonAnyValue {
  reader.open();
  const tag = reader.varint();
  if (tag === VALUE.string) return { stringValue: reader.text() };
  if (tag === VALUE.bool) return { boolValue: reader.varint() === 1 };
  if (tag === VALUE.int) return { intValue: reader.varint() };
  if (tag === VALUE.double) return { doubleValue: reader.double() };
  if (tag === VALUE.array) return { arrayValue: { values: readAll(reader, readValue) } };
  if (tag === VALUE.pairs) return { kvlistValue: { values: readAll(reader, readPair) } };
  throw new RangeError(`A value does not begin with ${tag}.`);
}

function readAll<T>(reader: ProtobufReader, read: (reader: ProtobufReader) => T): T[] {
  const end = reader.open();
  const values: T[] = [];
  while (reader.at < end) {
    reader.expect(VALUE.element);
    values.push(read(reader));
  }
  return values;
}
