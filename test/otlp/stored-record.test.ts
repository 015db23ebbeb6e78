import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeRecord, eachRecord } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { firstAttribute, readStored, uidOf } from '../../src/otlp/stored-record.ts';
import { events, FIELDS } from './support/arbitrary-events.ts';

test('a stored record is read in its parts without a byte of an attribute lost', () => {
  fc.assert(
    fc.property(events, (some) => {
      const stored = new RecordEncoder(FIELDS).encode(some, 0).flatMap(({ bytes }) => [...eachRecord(bytes)]);

      for (const record of stored) {
        const { times, severity, attributes } = readStored(record);
        const { uid, event } = decodeRecord(record);
        const whole = Buffer.concat(attributes.map((attribute) => attribute.whole));
        expect(Buffer.concat([times, severity])).toEqual(Buffer.from(record.subarray(0, 26)));
        expect(whole).toEqual(Buffer.from(record.subarray(record.length - whole.length)));
        expect(attributes.map(({ name }) => name)).toEqual([
          'log.record.uid',
          ...Object.keys(event).filter((name) => name !== '@timestamp' && name !== 'message'),
        ]);
        expect(uidOf(record)).toBe(uid);
        expect(firstAttribute(record)).toEqual(attributes[0]);
      }
    }),
  );
});
