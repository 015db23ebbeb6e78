import type { EncodedRecords, JournaledEvent } from '../../src/core/event.ts';
import { decodeRecord, eachRecord } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';

const encoder = new RecordEncoder({}, 'qradar.login_attempts');

/** Events as a commit takes them. `observedAt`: epoch ms. */
export function encoded(events: readonly JournaledEvent[], observedAt = 0): readonly EncodedRecords[] {
  return encoder.encode(events, observedAt);
}

/** The LogRecord of one event, as a dead letter holds it. */
export function encodedAlone(event: JournaledEvent, observedAt = 0): Uint8Array {
  const [record] = encoded([event], observedAt).flatMap(({ bytes }) => [...eachRecord(bytes)]);
  if (record === undefined) throw new Error('an event is a record');
  return record;
}

/** The events of encoded records. */
export function decoded({ bytes }: Pick<EncodedRecords, 'bytes'>): JournaledEvent[] {
  return [...eachRecord(bytes)].map((record) => decodeRecord(record));
}
