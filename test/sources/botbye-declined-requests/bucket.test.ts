import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketAt, INTERVAL_TYPES } from '../../../src/sources/botbye-declined-requests/schemas.ts';

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'Africa/Cairo',
  'Asia/Kolkata',
  'Pacific/Apia',
];

describe('bucketAt', () => {
  it.each([
    ['HOUR', 'UTC', '2026-03-02T12:34:56Z', '2026-03-02T12:00:00Z', '2026-03-02T13:00:00Z'],
    ['HOUR', 'Asia/Kolkata', '2026-03-02T12:34:56Z', '2026-03-02T12:30:00Z', '2026-03-02T13:30:00Z'],
    ['DAY', 'UTC', '2026-03-02T00:00:00Z', '2026-03-02T00:00:00Z', '2026-03-03T00:00:00Z'],
    [
      'DAY, of 23 hours',
      'Europe/Berlin',
      '2026-03-29T12:00:00Z',
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
    ],
    [
      'DAY, of 25 hours',
      'Europe/Berlin',
      '2026-10-25T12:00:00Z',
      '2026-10-24T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ],
    [
      'DAY, begun at 1:00',
      'Africa/Cairo',
      '2026-04-24T12:00:00Z',
      '2026-04-23T22:00:00Z',
      '2026-04-24T21:00:00Z',
    ],
    ['MONTH', 'UTC', '2026-02-28T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    ['MONTH', 'America/New_York', '2026-04-01T03:59:59Z', '2026-03-01T05:00:00Z', '2026-04-01T04:00:00Z'],
    ['MONTH, of a leap year', 'UTC', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ])('the bucket of %s in %s at %s', (name, zone, at, from, to) => {
    const interval_type = INTERVAL_TYPES.find((type) => name.startsWith(type)) ?? 'DAY';

    const bucket = bucketAt(Date.parse(at), { interval_type, zone });

    expect(bucket).toEqual({ from: Date.parse(from), to: Date.parse(to) });
  });

  it('a bucket contains its instant, and meets its neighbours without a hole, in every zone', () => {
    const instant = fc.integer({ min: Date.UTC(2020), max: Date.UTC(2031) });
    fc.assert(
      fc.property(
        instant,
        fc.constantFrom(...INTERVAL_TYPES),
        fc.constantFrom(...ZONES),
        (at, interval_type, zone) => {
          const bucket = bucketAt(at, { interval_type, zone });

          expect(bucket.from).toBeLessThanOrEqual(at);
          expect(bucket.to).toBeGreaterThan(at);
          expect(bucketAt(bucket.to, { interval_type, zone }).from).toBe(bucket.to);
          expect(bucketAt(bucket.from - 1, { interval_type, zone }).to).toBe(bucket.from);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('a bucket contains its instant where clocks go back by half an hour', () => {
    const zone = 'Australia/Lord_Howe';
    const start = Date.parse('2026-04-04T13:00:00Z');
    const instants = Array.from({ length: 48 }, (_, step) => start + step * 300_000);

    const buckets = instants.map((at) => bucketAt(at, { interval_type: 'HOUR', zone }));

    expect(buckets.every(({ from, to }, step) => from <= instants[step]! && instants[step]! < to)).toBe(true);
  });
});
