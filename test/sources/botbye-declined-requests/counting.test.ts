import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Collector, counter, type Emitted } from './collector.ts';
import { Vendor } from './vendor.ts';
import { modelRuns } from '../../support/model-runs.ts';

const GUARD = 30_000;
const HOUR = 3_600_000;

/** What readings showed of one series in one bucket: a list of counts per run of counting. */
type Runs = number[][];

/** An oracle that knows nothing of cursors and ledgers: it follows the readings that are to be counted. */
class Readings {
  readonly runs = new Map<string, Runs>();

  read(vendor: Vendor): void {
    if (Math.floor(vendor.now / 1000) * 1000 - vendor.bucket < GUARD) return;
    for (const [id, count] of vendor.counts) {
      const runs = this.runs.get(`${vendor.bucket}|${id}`) ?? [];
      this.runs.set(`${vendor.bucket}|${id}`, runs);
      const run = runs.at(-1);
      if (run === undefined || count < (run.at(-1) ?? 0)) runs.push([count]);
      else run.push(count);
    }
  }
}

const series = fc.constantFrom('a', 'b', 'c');
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('poll' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('decline' as const), id: series, count: fc.nat(50) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.oneof(fc.nat(40_000), fc.nat(HOUR), fc.nat(30 * HOUR), fc.nat(800 * HOUR)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('lost' as const, 'away' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), id: series, to: fc.nat(5) }) },
);

const world = fc.record({
  interval_type: fc.constantFrom('HOUR' as const, 'DAY' as const, 'MONTH' as const),
  zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Africa/Cairo', 'Asia/Kolkata'),
  start: fc.constantFrom('2026-03-28T20:00:00Z', '2026-10-24T21:30:00Z', '2026-12-31T22:59:00Z'),
  steps: fc.array(step, { minLength: 1, maxLength: 60 }),
});

type World = typeof world extends fc.Arbitrary<infer Drawn> ? Drawn : never;

async function play({ interval_type, zone, start, steps }: World) {
  const units = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;
  const vendor = new Vendor(start, { unit: units[interval_type], zone });
  const collector = new Collector({
    http: vendor.http,
    now: () => vendor.now,
    options: { interval_type, bucket_timezone: zone },
  });
  const readings = new Readings();
  for (const one of steps) {
    if (one.do === 'pass') vendor.pass(one.ms);
    if (one.do === 'decline') vendor.decline(one.id, one.count);
    if (one.do === 'reset' && vendor.counts.has(one.id)) vendor.counts.set(one.id, one.to);
    if (one.do === 'lost') await collector.poll({ lost: true });
    if (one.do === 'poll') {
      readings.read(vendor);
      await collector.poll();
    }
    if (one.do === 'away') {
      vendor.away = true;
      await collector.poll().catch(() => undefined);
      vendor.away = false;
    }
  }
  // A later bucket for sure; the second poll, because the first may fall right after its edge.
  for (const ms of [800 * HOUR, 2 * GUARD]) {
    vendor.pass(ms);
    await collector.poll();
  }
  return { collector, readings };
}

function sumsBySeries(emitted: readonly Emitted[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const one of emitted) {
    const name = `${Date.parse(String(one.event['event.start']))}|${String(one.event['botbye.declined_requests.id'])}`;
    sums[name] = (sums[name] ?? 0) + counter(one).delta;
  }
  return sums;
}

describe('counting', () => {
  it('the deltas sum up to the last count of every run, whatever the polls, restarts, falls and edges', () =>
    fc.assert(
      fc.asyncProperty(world, async (drawn) => {
        const { collector, readings } = await play(drawn);

        const expected = [...readings.runs].map(([name, runs]) => [
          name,
          runs.reduce((sum, run) => sum + (run.at(-1) ?? 0), 0),
        ]);
        expect(sumsBySeries(collector.emitted)).toEqual(Object.fromEntries(expected));
      }),
      { numRuns: modelRuns(200) },
    ));

  it('every run is emitted as final exactly once, last, with the count to which its deltas sum up', () =>
    fc.assert(
      fc.asyncProperty(world, async (drawn) => {
        const { collector, readings } = await play(drawn);

        const runs = Map.groupBy(collector.emitted, ({ key }) => key);
        expect(runs.size).toBe([...readings.runs.values()].flat().length);
        for (const events of runs.values()) {
          const counters = events.map(counter);
          const sum = counters.reduce((total, { delta }) => total + delta, 0);
          expect(counters.map(({ final }) => final)).toEqual([
            ...Array(counters.length - 1).fill(false),
            true,
          ]);
          expect(counters.at(-1)).toEqual({ count: sum, delta: 0, final: true });
          expect(counters.every(({ delta }) => delta >= 0)).toBe(true);
        }
      }),
      { numRuns: modelRuns(200) },
    ));

  it('a span is never both covered and a gap, and nothing is left out but the moments before an edge', () =>
    fc.assert(
      fc.asyncProperty(world, async (drawn) => {
        const { collector } = await play(drawn);

        const spans = [...collector.covered, ...collector.gaps].toSorted(
          (one, other) => one.from - other.from,
        );
        for (const [index, { from, to }] of spans.entries()) {
          const next = spans[index + 1]?.from ?? to;
          expect(to).toBeGreaterThan(from);
          expect(next).toBeGreaterThanOrEqual(to);
          expect(next - to).toBeLessThanOrEqual(15_000 + GUARD);
        }
      }),
      { numRuns: modelRuns(200) },
    ));
});
