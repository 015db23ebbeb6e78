import { PAIR, RECORD, SEVERITY, TIMES, UID, VALUE } from './layout.ts';
import { ProtobufReader } from './protobuf.ts';
import { isoOf, readTime } from './time.ts';

/** The document of a stored LogRecord (`layout.ts`). A value is the content of an AnyValue, in place and not decoded. */
export interface StoredDocument {
  /** Names of its fields, dotted, `@timestamp` and `message` first. */
  readonly names: string[];
  /** Their values, in the same order. */
  readonly values: Uint8Array[];
  /** The value of `log.record.uid`, which is not a field of the document. */
  readonly uid: Uint8Array;
}

export function readDocument(record: Uint8Array): StoredDocument {
  const reader = new ProtobufReader(record);
  const names = ['@timestamp', 'message'];
  const values = [timestampOf(reader), bodyOf(reader)];
  expectUid(reader);
  const uid = valueOf(reader);
  while (reader.at < record.length) {
    names.push(nameOf(reader));
    values.push(valueOf(reader));
  }
  return { names, values, uid };
}

/** The id of a stored LogRecord. */
export function uidOf(record: Uint8Array): string {
  const reader = new ProtobufReader(uidValue(record));
  reader.expect(VALUE.string);
  return reader.text();
}

/** The value of `log.record.uid`, which is the first attribute. */
export function uidValue(record: Uint8Array): Uint8Array {
  const reader = new ProtobufReader(record);
  bodyOf(reader);
  expectUid(reader);
  return valueOf(reader);
}

/** The content of an AnyValue with the time in ISO 8601. */
function timestampOf(reader: ProtobufReader): Uint8Array {
  reader.expect(RECORD.time);
  const text = isoOf(readTime(reader));
  return Buffer.from(`${String.fromCharCode(VALUE.string, text.length)}${text}`, 'latin1');
}

function bodyOf(reader: ProtobufReader): Uint8Array {
  reader.at = TIMES + SEVERITY;
  reader.expect(RECORD.body);
  return message(reader);
}

function expectUid(reader: ProtobufReader): void {
  const name = nameOf(reader);
  if (name !== UID) throw new RangeError(`The first attribute of a record is ${name}, not ${UID}.`);
}

/** The name of the attribute that comes next; its value follows. */
function nameOf(reader: ProtobufReader): string {
  reader.expect(RECORD.attribute);
  reader.open();
  reader.expect(PAIR.key);
  return reader.text();
}

function valueOf(reader: ProtobufReader): Uint8Array {
  reader.expect(PAIR.value);
  return message(reader);
}

/** The message that comes next, behind its length. */
function message(reader: ProtobufReader): Uint8Array {
  const end = reader.open();
  const bytes = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return bytes;
}
