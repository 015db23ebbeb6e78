import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent, JournaledEvent } from '../../src/core/event.ts';
import { attributesOf, decodeRecord, eachRecord, timeOf } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { event } from '../deliver/support/events.ts';

const OBSERVED = Date.parse('2026-03-02T12:00:00Z');
const FIELDS = { 'vendor.score': 'double' } as const;

function recordsOf(events: readonly JournaledEvent[]): Uint8Array[] {
  return new RecordEncoder(FIELDS).encode(events, OBSERVED).flatMap(({ bytes }) => [...eachRecord(bytes)]);
}

function recordOf(fields: EcsEvent): Uint8Array {
  const [record] = recordsOf([event(7, fields)]);
  if (record === undefined) throw new Error('nothing was encoded');
  return record;
}

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
// JSON and OTLP have one zero.
const number = fc
  .oneof(fc.double({ noNaN: true, min: -1e15, max: 1e15 }), fc.maxSafeInteger(), fc.constant(2 ** 62))
  .map((one) => one + 0);
const value = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.array(text, { minLength: 1 }),
  fc.array(number, { minLength: 1 }),
);
const name = fc.oneof(
  fc.stringMatching(/^[a-z]{1,8}$/).map((word) => `vendor.${word}`),
  fc.constantFrom('__proto__', 'vendor.score'),
);
const time = fc
  .tuple(fc.integer({ min: 0, max: 18_446_744_072_999 }), fc.stringMatching(/^(|\d{0,5}[1-9])$/))
  .map(([millis, digits]) => `${new Date(millis).toISOString().slice(0, -1)}${digits}Z`);
const ecsEvent = fc
  .tuple(time, text, fc.dictionary(name, value, { maxKeys: 30, noNullPrototype: true }))
  .map(([at, message, fields]): EcsEvent => ({ '@timestamp': at, message, ...fields }));

test('an event is the same after it was encoded and decoded', () => {
  fc.assert(
    fc.property(fc.array(ecsEvent, { maxLength: 5 }), (some) => {
      const events = some.map((one, index) => ({ uid: `uid-${index}`, event: one }));

      expect(recordsOf(events).map(decodeRecord)).toEqual(events);
      expect(recordsOf(events).map(timeOf)).toEqual(some.map((one) => Date.parse(String(one['@timestamp']))));
    }),
    { numRuns: 500 },
  );
});

test('fields keep their order, after the time and the message', () => {
  const { event: decoded } = decodeRecord(recordOf({ 'vendor.b': 1, 'vendor.a': 2 }));

  expect(Object.keys(decoded).slice(0, 3)).toEqual(['@timestamp', 'message', 'ecs.version']);
  expect(Object.keys(decoded).slice(-2)).toEqual(['vendor.b', 'vendor.a']);
});

test('a record without a message has one after decoding: the words that were its body', () => {
  expect(decodeRecord(recordOf({ message: '' })).event['message']).toBe('login');
});

describe('times', () => {
  test.each([
    ['2026-03-02T12:00:00Z', '2026-03-02T12:00:00.000Z'],
    ['2026-03-02T12:00:00.1+01:00', '2026-03-02T11:00:00.100Z'],
    ['2026-03-02T12:00:00.123456Z', '2026-03-02T12:00:00.123456Z'],
    ['2026-03-02T12:00:00.000000001Z', '2026-03-02T12:00:00.000000001Z'],
    ['2554-07-21T23:34:32.999999999Z', '2554-07-21T23:34:32.999999999Z'],
    ['9999-12-31T23:59:59.999Z', '2554-07-21T23:34:33.000Z'],
    ['1900-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
  ])('%s is %s', (given, decoded) => {
    expect(decodeRecord(recordOf({ '@timestamp': given })).event['@timestamp']).toBe(decoded);
  });
});

test('a few attributes are found without decoding the others', () => {
  const record = recordOf({
    'organization.id': 'o-1',
    'cloud.account.id': ['a', 'b'],
    'vendor.text': 'organization.id',
  });

  expect(
    attributesOf(record, ['log.record.uid', 'organization.id', 'cloud.account.id', 'penstock.gap.part']),
  ).toEqual({
    'log.record.uid': 'uid-7',
    'organization.id': 'o-1',
    'cloud.account.id': ['a', 'b'],
  });
});

test('records that are cut off or foreign are refused', () => {
  const [run] = new RecordEncoder({}).encode([event(1)], OBSERVED);
  const bytes = run?.bytes ?? new Uint8Array();

  expect(() => [...eachRecord(bytes.subarray(0, -1))]).toThrow(RangeError);
  expect(() => [...eachRecord(Uint8Array.of(0x0a, 1, 0))]).toThrow('A log record does not begin with 10.');
  expect(() => decodeRecord(recordOf({}).subarray(0, -1))).toThrow(RangeError);
  expect(() => decodeRecord(Uint8Array.of(0x32, 4, 0x0a, 1, 0x61, 0x1a))).toThrow(
    'Field 2 is expected, and 3 is there.',
  );
});
