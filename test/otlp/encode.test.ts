import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EcsEvent, JournaledEvent } from '../../src/core/event.ts';
import { eachRecord } from '../../src/otlp/decode.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { SEVERITY, TIMES } from '../../src/otlp/layout.ts';
import { events, FIELDS } from './support/arbitrary-events.ts';
import { event } from '../deliver/support/events.ts';
import { fieldsOf, officialFieldsOf } from './support/reference-record.ts';

const OBSERVED = Date.parse('2026-03-02T12:00:00Z');
const TYPES = { ...FIELDS, 'event.risk_score': 'double' } as const;

function recordsOf(encoder: RecordEncoder, some: readonly JournaledEvent[]): Uint8Array[] {
  return encoder.encode(some, OBSERVED).flatMap(({ bytes }) => [...eachRecord(bytes)]);
}

/** The fields of the record of one event. */
function encoded(fields: EcsEvent | Readonly<Record<string, unknown>>, encoder = new RecordEncoder(FIELDS)) {
  const [record] = recordsOf(encoder, [event(7, fields as EcsEvent)]);
  if (record === undefined) throw new Error('nothing was encoded');
  const { attributes, ...rest } = fieldsOf(record);
  const pairs = attributes as unknown as { key: string; value: unknown }[];
  return { ...rest, attributes: Object.fromEntries(pairs.map(({ key, value }) => [key, value])) };
}

test('a record is, field for field, what the official serializer makes of it, except that a double stays one', () => {
  const encoder = new RecordEncoder(FIELDS);
  fc.assert(
    fc.property(events, (some) => {
      const records = recordsOf(encoder, some);

      expect(records.map(fieldsOf)).toEqual(some.map((one) => officialFieldsOf(one, OBSERVED, TYPES)));
    }),
    { numRuns: 500 },
  );
});

test('the bytes depend on the events alone, not on what was encoded before them', () => {
  const used = new RecordEncoder(FIELDS);
  fc.assert(
    fc.property(events, (some) => {
      expect(used.encode(some, OBSERVED)).toEqual(new RecordEncoder(FIELDS).encode(some, OBSERVED));
    }),
  );
});

test('every record begins with its times and its severity, and its uid is the first attribute', () => {
  fc.assert(
    fc.property(events, (some) => {
      for (const record of recordsOf(new RecordEncoder(FIELDS), some)) {
        const alert = Buffer.from(record.subarray(TIMES + 4, TIMES + SEVERITY)).toString() === 'WARN';
        expect([record[0], record[9]]).toEqual([0x09, 0x59]);
        expect([...record.subarray(TIMES, TIMES + 4)]).toEqual([0x10, alert ? 13 : 9, 0x1a, 4]);
        expect(record[TIMES + SEVERITY]).toBe(0x2a);
        expect(fieldsOf(record)).toHaveProperty('attributes.0.key', 'log.record.uid');
      }
    }),
  );
});

test('consecutive events of one dataset are together, in their order', () => {
  const some = ['a', 'a', 'b', 'a', ''].map((dataset, number) => event(number, { 'event.dataset': dataset }));

  const runs = new RecordEncoder({}, 'own').encode(some, OBSERVED);

  expect(runs.map(({ dataset, count }) => [dataset, count])).toEqual([
    ['a', 2],
    ['b', 1],
    ['a', 1],
    ['own', 1],
  ]);
  expect(runs.map(({ bytes }) => [...eachRecord(bytes)].length)).toEqual([2, 1, 1, 1]);
  expect(new RecordEncoder({}).encode([], OBSERVED)).toEqual([]);
});

describe('values', () => {
  test('a double is a double, also when it is whole; all other whole numbers are integers', () => {
    const { attributes } = encoded({ 'vendor.score': 7, 'event.risk_score': 1e21, 'vendor.count': 7 });

    expect(attributes).toMatchObject({
      'vendor.score': { doubleValue: 7 },
      'event.risk_score': { doubleValue: 1e21 },
      'vendor.count': { intValue: '7' },
    });
  });

  test('what OTLP cannot carry as it is becomes a string or is left out', () => {
    const awkward = {
      'vendor.big': 12_345_678_901_234_567_890n,
      'vendor.integer': 39_398_076_696_000_000,
      'vendor.huge': 1e21,
      'vendor.nan': Number.NaN,
      'vendor.null': null,
      'vendor.date': new Date(OBSERVED),
      'vendor.lone': 'a\uD800b',
      'vendor.mixed': [1, 2n ** 70n, null],
      'vendor.none': [],
      '': 'nameless',
      'vendor.\uD800': 'odd name',
    };

    const { attributes } = encoded(awkward);

    const own = Object.entries(attributes).filter(([name]) => name.startsWith('vendor') || name === '');
    expect(Object.fromEntries(own)).toEqual({
      'vendor.big': { stringValue: '12345678901234567890' },
      'vendor.integer': { intValue: '39398076696000000' },
      'vendor.huge': { stringValue: '1000000000000000000000' },
      'vendor.date': { stringValue: '2026-03-02T12:00:00.000Z' },
      'vendor.lone': { stringValue: 'a\uFFFDb' },
      'vendor.mixed': {
        arrayValue: { values: [{ stringValue: '1' }, { stringValue: '1180591620717411303424' }] },
      },
      'vendor.\uFFFD': { stringValue: 'odd name' },
    });
  });

  test.each([0, 1, 127, 128, 16_383, 16_384, 5_000_000])(
    'a text of %d characters arrives whole',
    (length) => {
      for (const character of ['a', 'é', '日']) {
        const text = character.repeat(length);
        const { attributes, body } = encoded({ 'vendor.text': text, message: `.${text}` }) as Record<
          string,
          unknown
        >;

        expect(attributes).toHaveProperty(['vendor.text'], { stringValue: text });
        expect(body).toEqual({ stringValue: `.${text}` });
      }
    },
  );

  test('a value that cannot be written makes a pipeline_error of its record, and the others of the page stay', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 200_000; level += 1) deep = { deep };
    const some = [event(1), event(2, { 'vendor.deep': deep } as unknown as EcsEvent), event(3)];

    const [first, second, third] = recordsOf(new RecordEncoder(FIELDS), some).map(fieldsOf);

    expect([first, third]).toEqual([event(1), event(3)].map((one) => officialFieldsOf(one, OBSERVED, TYPES)));
    expect(second).toMatchObject({ body: { stringValue: 'User number 2 failed to log in' } });
    expect(second?.['attributes']).toContainEqual({
      key: 'event.kind',
      value: { stringValue: 'pipeline_error' },
    });
    expect(JSON.stringify(second)).toContain(
      'the event could not be encoded: Maximum call stack size exceeded',
    );
    expect(JSON.stringify(second)).not.toContain('vendor.deep');
  });
});

describe('times', () => {
  test('keep every digit that OTLP has room for', () => {
    const times = {
      '@timestamp': '2026-03-02T12:00:00.1234567891+01:00',
      'event.created': '2026-03-02T12:00:00.5Z',
    };

    expect(encoded(times)).toMatchObject({
      timeUnixNano: '1772449200123456789',
      observedTimeUnixNano: '1772452800500000000',
    });
  });

  test.each([
    ['1969-12-31T23:59:59Z', undefined],
    ['9999-12-31T23:59:59Z', '18446744073000000000'],
    ['not a time', '1772452800000000000'],
    ['2026-03-02T24:00:30.000Z', '1772452800000000000'],
  ])('a time that OTLP cannot express is told in words: %s', (time, nanoseconds) => {
    const { timeUnixNano, attributes } = encoded({ '@timestamp': time }) as Record<string, unknown>;

    // Zero is the default, which JSON leaves out.
    expect(timeUnixNano).toBe(nanoseconds);
    expect(attributes).toHaveProperty(['error.message'], {
      stringValue: `Left out, since it does not fit: @timestamp ${time}`,
    });
  });

  test('what is left out is added to an error that is there', () => {
    const { attributes } = encoded({ '@timestamp': '9999-12-31T23:59:59Z', 'error.message': 'odd' });

    expect(attributes['error.message']).toEqual({
      stringValue: 'odd. Left out, since it does not fit: @timestamp 9999-12-31T23:59:59Z',
    });
  });

  test('an event without a time has that of its observation', () => {
    expect(encoded({ '@timestamp': undefined, 'event.created': undefined })).toMatchObject({
      timeUnixNano: '1772452800000000000',
      observedTimeUnixNano: '1772452800000000000',
    });
  });
});

test.each([
  [{ message: '' }, 'login'],
  [{ message: '', 'event.action': '' }, 'qradar.login_attempts'],
  [{ message: undefined, 'event.action': undefined, 'event.dataset': undefined }, 'event'],
  [{ message: ['several', 'texts'] }, '["several","texts"]'],
])('the body is never empty: %j', (fields, body) => {
  expect(encoded(fields)).toMatchObject({ body: { stringValue: body } });
});

test('an alert has the severity WARN', () => {
  expect(encoded({ 'event.kind': 'alert' })).toMatchObject({ severityNumber: 13, severityText: 'WARN' });
});
