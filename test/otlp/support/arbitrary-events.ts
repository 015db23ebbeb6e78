import fc from 'fast-check';
import type { EcsEvent, JournaledEvent } from '../../../src/core/event.ts';

const ODD_TEXTS = [
  '',
  '\uD800',
  'a\uDC00b',
  '\uFEFFmark',
  '\0',
  'é'.repeat(60),
  'x'.repeat(49),
  '日本語',
  '👩‍🚀',
  'z'.repeat(20_000),
];
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.string({ maxLength: 200 }),
  fc.constantFrom(...ODD_TEXTS),
);
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    127,
    128,
    2 ** 31,
    2 ** 32,
    -(2 ** 32),
    2 ** 53 + 2,
    2 ** 62,
    -(2 ** 62),
    2 ** 63,
    -(2 ** 63),
    1e21,
    1e300,
    0.1,
    5e-324,
  ),
);
const scalar = fc.oneof(text, number, fc.boolean());
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, undefined, Number.NaN, Infinity, -Infinity),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.dictionary(fc.string({ maxLength: 5 }), scalar, { maxKeys: 3 }),
);
const value = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 2, arbitrary: fc.array(text, { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.array(number, { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(scalar, odd), { maxLength: 5 }) },
  { weight: 1, arbitrary: odd },
);

const digits = fc.stringMatching(/^\d{0,12}$/);
const zone = fc.constantFrom('Z', '+00:00', '-05:30', '+14:00');
const isoTime = fc
  .tuple(fc.date({ min: new Date(0), max: new Date('2554-01-01'), noInvalidDate: true }), digits, zone)
  .map(
    ([date, fraction, offset]) => `${date.toISOString().slice(0, 19)}${fraction && `.${fraction}`}${offset}`,
  );
/** Times as sources give them, with every number of digits, and what is no time that OTLP can carry. */
export const time = fc.oneof(
  { weight: 4, arbitrary: isoTime },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(
      '1969-12-31T23:59:59.5Z',
      '9999-12-31T23:59:59Z',
      '2554-07-21T23:34:33Z',
      'not a time',
      '',
      17,
      '2026-02-30T12:00:00Z',
      '2026-13-01T00:00:00Z',
    ),
  },
);

const name = fc.oneof(
  { weight: 8, arbitrary: fc.stringMatching(/^[a-z]{1,8}$/).map((word) => `vendor.${word}`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'vendor.score',
      'event.risk_score',
      'event.action',
      'event.kind',
      'error.message',
      'log.record.uid',
    ),
  },
  { weight: 1, arbitrary: text },
);

/** The types of fields that the events of `events` have: `vendor.score` is a double. */
export const FIELDS = { 'vendor.score': 'double' } as const;

const fields = fc.dictionary(name, value, { maxKeys: 25 });
const places = fc.record(
  {
    '@timestamp': time,
    'event.created': time,
    message: fc.oneof(text, value),
    'event.kind': fc.constantFrom('event', 'alert'),
    'event.dataset': fc.constantFrom('one.set', 'another.set', ''),
  },
  { requiredKeys: [] },
);

/** Events with anything in them, also what a mapping must not give. */
export const events: fc.Arbitrary<readonly JournaledEvent[]> = fc.array(
  fc.tuple(fc.stringMatching(/^[0-9a-f]{40}$/), fields, places).map(([uid, some, more]) => ({
    uid,
    event: { ...some, ...more } as EcsEvent,
  })),
  { maxLength: 6 },
);
