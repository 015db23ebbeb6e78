import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRecord, eachRecord, readContent } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { ProtobufReader } from '../../src/otlp/protobuf.ts';
import { readDocument, uidOf } from '../../src/otlp/stored-record.ts';
import { events, FIELDS } from './support/arbitrary-events.ts';

test('the document of a stored record has the fields of its event', () => {
  fc.assert(
    fc.property(events, (some) => {
      const stored = new RecordEncoder(FIELDS).encode(some, 0).flatMap(({ bytes }) => [...eachRecord(bytes)]);

      for (const record of stored) {
        const { names, values } = readDocument(record);
        const { uid, event } = decodeRecord(record);
        const decoded = values.map((value) => readContent(new ProtobufReader(value)));
        expect(Object.fromEntries(names.map((name, index) => [name, decoded[index]]))).toEqual(event);
        expect(uidOf(record)).toBe(uid);
      }
    }),
  );
});
