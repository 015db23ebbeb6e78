import type { EcsEvent, EcsValue, JournaledEvent } from '../core/event.ts';
import { LOG_RECORD, PAIR, RECORD, UID, VALUE } from './layout.ts';
import { ProtobufReader } from './protobuf.ts';
import { isoOf, readTime } from './time.ts';

/** Offset of the value of `time_unix_nano` in a record. */
const TIME_AT = 1;

/** Each LogRecord of an `EncodedRecords`, without its tag and length, in place: nothing is copied. */
export function* eachRecord(bytes: Uint8Array): Generator<Uint8Array> {
  const reader = new ProtobufReader(bytes);
  while (reader.at < bytes.length) {
    const tag = reader.varint();
    if (tag !== LOG_RECORD) throw new RangeError(`A log record does not begin with ${tag}.`);
    const end = reader.open();
    yield bytes.subarray(reader.at, end);
    reader.at = end;
  }
}

/** The event of a LogRecord: what the encoder was given, with its time in UTC, its body as `message`, and safe values. */
export function decodeRecord(record: Uint8Array): JournaledEvent {
  const reader = new ProtobufReader(record);
  let [uid, time, message] = ['', '', ''];
  const fields: [string, EcsValue][] = [];
  while (reader.at < record.length) {
    const tag = reader.varint();
    if (tag === RECORD.time) time = isoOf(readTime(reader));
    else if (tag === RECORD.body) message = String(readAnyValue(reader));
    else if (tag === RECORD.attribute) {
      const field = readPair(reader);
      if (field[0] === UID) uid = String(field[1]);
      else fields.push(field);
    } else reader.skip(tag);
  }
  // A field may be called `__proto__`, which an assignment would not add.
  return { uid, event: Object.fromEntries([['@timestamp', time], ['message', message], ...fields]) };
}

/** The time of a LogRecord's event, epoch ms. */
export function timeOf(record: Uint8Array): number {
  const reader = new ProtobufReader(record);
  reader.at = TIME_AT;
  return readTime(reader).millis;
}

/** Those of these attributes that a LogRecord has. Values of the others are passed over, not decoded. */
export function attributesOf(record: Uint8Array, names: readonly string[]): EcsEvent {
  const reader = new ProtobufReader(record);
  const found: Record<string, EcsValue> = {};
  let missing = names.length;
  while (missing > 0 && reader.at < record.length) {
    const tag = reader.varint();
    if (tag !== RECORD.attribute) {
      reader.skip(tag);
      continue;
    }
    const end = reader.open();
    reader.expect(PAIR.key);
    const name = reader.text();
    if (names.includes(name)) {
      reader.expect(PAIR.value);
      found[name] = readAnyValue(reader);
      missing -= 1;
    }
    reader.at = end;
  }
  return found;
}

function readPair(reader: ProtobufReader): [string, EcsValue] {
  reader.open();
  reader.expect(PAIR.key);
  const name = reader.text();
  reader.expect(PAIR.value);
  return [name, readAnyValue(reader)];
}

function readAnyValue(reader: ProtobufReader): EcsValue {
  reader.open();
  return readContent(reader);
}

/** Reads the content of an AnyValue. */
export function readContent(reader: ProtobufReader): EcsValue {
  const tag = reader.varint();
  if (tag === VALUE.string) return reader.text();
  if (tag === VALUE.bool) return reader.varint() === 1;
  if (tag === VALUE.int) return reader.varint();
  if (tag === VALUE.double) return reader.double();
  if (tag !== VALUE.array) throw new RangeError(`A value does not begin with ${tag}.`);
  return readArray(reader);
}

function readArray(reader: ProtobufReader): EcsValue {
  const end = reader.open();
  const values: EcsValue[] = [];
  while (reader.at < end) {
    reader.expect(VALUE.element);
    values.push(readAnyValue(reader));
  }
  return values as readonly string[] | readonly number[];
}
