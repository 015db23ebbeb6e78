import { DateTime, type DateTimeUnit } from 'luxon';
import { afterEach, expect, it } from 'vitest';
import { DrivenClock } from '../../support/driven-clock.ts';
import { type TestPipeline, type TestProcess, testPipeline } from '../../support/test-pipeline.ts';
import type { IntervalType, SummaryType } from '../../../src/simulators/botbye-declines.ts';
import { type BotBye, startBotBye } from '../../../src/simulators/botbye.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/botbye-declined-requests/index.ts';

const PROJECT = '185071d5-d4fe-4bea-93df-19d0bd8c2d0d';
const EVERY = 60 * 60_000;
const GUARD = 30_000;

let botbye: BotBye;

afterEach(() => botbye[Symbol.asyncDispose]());

/** Three days over the end of a month, with polls as `run` makes them, a vendor that resets, and a new process now and then. */
async function live(interval_type: IntervalType, zone: string) {
  const clock = new DrivenClock('2026-02-27T18:00:00Z');
  const account = { clock, random: seeded(7), key: 'the key', accountId: 'acc-1', projectIds: [PROJECT] };
  botbye = await startBotBye({ ...account, zone, lag: 20_000, perMinute: 2 });
  const lab = testPipeline({
    source,
    vendor: botbye,
    clock,
    config: {
      token: 'the key',
      account_id: 'acc-1',
      project_ids: [PROJECT],
      types: ['country', 'rule'],
      interval_type,
      bucket_timezone: zone,
    },
  });
  const random = seeded(8);
  let process: TestProcess = lab.start();
  for (let due = clock.now(), scheduled = due; clock.now() < Date.parse('2026-03-02T18:00:00Z');) {
    await process.poll();
    if (due >= scheduled) scheduled += EVERY;
    due = Math.min(scheduled, source.nextExtraPoll?.(process.options as never, clock.now()) ?? Infinity);
    await clock.advance(due - clock.now());
    if (random() < 0.02) botbye.declines.reset(PROJECT);
    if (random() > 0.05) continue;
    await process[Symbol.asyncDispose]();
    process = lab.start();
  }
  await process[Symbol.asyncDispose]();
  return lab;
}

/** By bucket and series: what the deltas, and the counts of the final events, sum up to. */
function emitted(lab: TestPipeline, type: SummaryType): Map<string, { deltas: number; finals: number }> {
  const sums = new Map<string, { deltas: number; finals: number }>();
  for (const { event } of lab.events) {
    if (event['botbye.declined_requests.dimension'] !== type) continue;
    const of = (name: string) => event[`botbye.declined_requests.${name}`];
    const name = `${Date.parse(String(event['event.start']))}|${String(of('id'))}`;
    const { deltas, finals } = sums.get(name) ?? { deltas: 0, finals: 0 };
    const closed = of('final') === true ? Number(of('count')) : 0;
    sums.set(name, { deltas: deltas + Number(of('delta')), finals: finals + closed });
  }
  return sums;
}

/** By bucket and series: the last counts that the vendor showed, summed up over the runs between its resets. */
function shown(type: SummaryType, unit: DateTimeUnit, zone: string): Map<string, number> {
  const sums = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { at, summary, rows } of botbye.shown) {
    const bucket = DateTime.fromMillis(at, { zone }).startOf(unit).toMillis();
    if (summary !== type || at - bucket < GUARD) continue;
    for (const { id, declinedReqCount: count } of rows) {
      const name = `${bucket}|${id}`;
      const before = last.get(name) ?? 0;
      sums.set(name, (sums.get(name) ?? 0) + (count < before ? count : count - before));
      last.set(name, count);
    }
  }
  return sums;
}

it.each([
  ['HOUR', 'hour', 'UTC'],
  ['DAY', 'day', 'Europe/Berlin'],
  ['MONTH', 'month', 'America/New_York'],
] as const)('three days of %s sum up to what the vendor showed', async (interval_type, unit, zone) => {
  const lab = await live(interval_type, zone);

  for (const type of ['country', 'rule'] as const) {
    const sums = emitted(lab, type);
    expect(new Map([...sums].map(([name, { deltas }]) => [name, deltas]))).toEqual(shown(type, unit, zone));

    const truth = botbye.declines.truth(PROJECT, type, interval_type);
    const open = Math.max(...truth.map(({ bucket }) => bucket));
    const closed = [...sums].filter(([name]) => !name.startsWith(`${open}|`));
    expect(closed.length).toBeGreaterThan(0);
    expect(closed.filter(([, { deltas, finals }]) => deltas !== finals)).toEqual([]);
    const overtold = truth.filter(
      ({ bucket, id, declined }) => (sums.get(`${bucket}|${id}`)?.deltas ?? 0) > declined,
    );
    expect(overtold).toEqual([]);
  }
  expect(lab.gaps).toEqual([]);
});
