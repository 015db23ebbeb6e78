import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketAt, INTERVAL_TYPES, nextEdge } from '../../../src/sources/botbye-declined-requests/schemas.ts';

const GUARD = 30_000;

describe('nextEdge', () => {
  it.each([
    ['HOUR', 'UTC', '2026-03-02T12:10:00Z', '2026-03-02T12:59:45.000Z'],
    ['HOUR', 'UTC', '2026-03-02T12:59:45Z', '2026-03-02T13:00:31.000Z'],
    ['HOUR', 'UTC', '2026-03-02T13:00:05Z', '2026-03-02T13:00:31.000Z'],
    ['DAY', 'UTC', '2026-03-02T23:59:44.999Z', '2026-03-02T23:59:45.000Z'],
    ['DAY', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29T21:59:45.000Z'],
    ['MONTH', 'UTC', '2026-02-10T00:00:00Z', '2026-02-28T23:59:45.000Z'],
  ] as const)('the extra poll for %s in %s, at %s, is at %s', (interval_type, zone, now, expected) => {
    const edge = nextEdge(Date.parse(now), { interval_type, zone }, GUARD);

    expect(new Date(edge).toISOString()).toBe(expected);
  });

  it('the extra poll is after now, before every edge and when its guard is over, in every zone', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: Date.UTC(2020), max: Date.UTC(2031) }),
        fc.constantFrom(...INTERVAL_TYPES),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Africa/Cairo'),
        fc.nat(900_000),
        (now, interval_type, zone, guard) => {
          const calendar = { interval_type, zone };
          const { to } = bucketAt(now, calendar);

          const edges = [now];
          for (let asked = 0; asked < 3; asked += 1) edges.push(nextEdge(edges.at(-1)!, calendar, guard));

          expect(edges).toEqual([...new Set(edges)].toSorted((one, other) => one - other));
          expect(edges).toContain(to + guard + 1000);
          expect(now >= to - 15_000 || edges.includes(to - 15_000)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
