import { PAIR, RECORD, SEVERITY, TIMES, UID } from './layout.ts';
import { ProtobufReader } from './protobuf.ts';

/** One attribute of a stored LogRecord, in place. */
export interface StoredAttribute {
  readonly name: string;
  /** The whole attribute, with its tag and length. */
  readonly whole: Uint8Array;
  /** The content of its AnyValue. */
  readonly value: Uint8Array;
}

/** A stored LogRecord (`layout.ts`) in its parts. Nothing is copied, and no value is decoded. */
export interface StoredRecord {
  /** The two times with their tags. */
  readonly times: Uint8Array;
  /** Severity number and text with their tags. */
  readonly severity: Uint8Array;
  /** The content of the AnyValue of its body. */
  readonly body: Uint8Array;
  /** The first one is `log.record.uid`. */
  readonly attributes: readonly StoredAttribute[];
}

export function readStored(record: Uint8Array): StoredRecord {
  const reader = new ProtobufReader(record);
  reader.at = TIMES + SEVERITY;
  reader.expect(RECORD.body);
  const endOfBody = reader.open();
  const body = record.subarray(reader.at, endOfBody);
  reader.at = endOfBody;
  const attributes: StoredAttribute[] = [];
  while (reader.at < record.length) attributes.push(readAttribute(reader, record));
  return {
    times: record.subarray(0, TIMES),
    severity: record.subarray(TIMES, TIMES + SEVERITY),
    body,
    attributes,
  };
}

/** The id of a stored LogRecord: its first attribute. */
export function uidOf(record: Uint8Array): string {
  const { value } = firstAttribute(record);
  const reader = new ProtobufReader(value);
  reader.at = 1;
  return reader.text();
}

/** `log.record.uid` of a stored LogRecord. */
export function firstAttribute(record: Uint8Array): StoredAttribute {
  const reader = new ProtobufReader(record);
  reader.at = TIMES + SEVERITY;
  reader.expect(RECORD.body);
  reader.at = reader.open();
  const attribute = readAttribute(reader, record);
  if (attribute.name !== UID)
    throw new RangeError(`The first attribute of a record is ${attribute.name}, not ${UID}.`);
  return attribute;
}

function readAttribute(reader: ProtobufReader, record: Uint8Array): StoredAttribute {
  const start = reader.at;
  reader.expect(RECORD.attribute);
  const end = reader.open();
  reader.expect(PAIR.key);
  const name = reader.text();
  reader.expect(PAIR.value);
  reader.open();
  const attribute = { name, whole: record.subarray(start, end), value: record.subarray(reader.at, end) };
  reader.at = end;
  return attribute;
}
