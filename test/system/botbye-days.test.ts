import { DateTime, type DateTimeUnit } from 'luxon';
import { expect, it } from 'vitest';
import { openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedEvent, distinct } from '../support/truth.ts';
import { INTERVAL_TYPES, type IntervalType } from '../../src/simulators/botbye-declines.ts';
import { type BotBye, startBotBye } from '../../src/simulators/botbye.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { ACCEPTED, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const GUARD = 30_000;
const LEAD = 15_000;
const PROJECTS: Readonly<Record<string, IntervalType>> = { hourly: 'HOUR', daily: 'DAY', monthly: 'MONTH' };

/** Over the end of a month: three days, ending in the middle of one. */
const START = '2026-02-27T06:00:00Z';
const END = Date.parse('2026-03-02T06:00:00Z');
const AWAY = { from: Date.parse('2026-02-28T22:00:00Z'), to: Date.parse('2026-03-01T02:00:00Z') };

interface Sums {
  readonly deltas: number;
  readonly finals: number;
  readonly ended: boolean;
}

/** By project, dimension, bucket and series: what the deltas, and the counts of the final events, sum up to. */
function told(records: readonly ReceivedRecord[]): Map<string, Sums> {
  const sums = new Map<string, Sums>();
  for (const event of records.map(arrivedEvent)) {
    if (event['event.dataset'] !== 'botbye.declined_requests') continue;
    const field = (name: string) => event[`botbye.declined_requests.${name}`];
    const bucket = Date.parse(String(event['event.start']));
    const name = [event['botbye.project.id'], field('dimension'), bucket, field('id')].join('|');
    const before = sums.get(name) ?? { deltas: 0, finals: 0 };
    const final = field('final') === true;
    sums.set(name, {
      deltas: before.deltas + Number(field('delta')),
      finals: before.finals + (final ? Number(field('count')) : 0),
      ended: Date.parse(String(event['event.end'])) <= END - HOUR,
    });
  }
  return sums;
}

/** By the same names: what the vendor's last answers before each edge showed, summed over its resets. */
function shown({ shown: answers }: BotBye): Map<string, number> {
  const sums = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { at, project, summary, type, rows } of answers) {
    const unit: DateTimeUnit = INTERVAL_TYPES[type];
    const bucket = DateTime.fromMillis(at, { zone: 'utc' }).startOf(unit).toMillis();
    if (Math.floor(at / 1000) * 1000 - bucket < GUARD) continue;
    for (const { id, declinedReqCount: count } of rows) {
      const name = [project, summary, bucket, id].join('|');
      const before = last.get(name) ?? 0;
      sums.set(name, (sums.get(name) ?? 0) + (count < before ? count : count - before));
      last.set(name, count);
    }
  }
  return sums;
}

it('BotBye over three days, a destination away across a midnight, restarts and resets: the sums are what was shown', async () => {
  const clock = new DrivenClock(START);
  await using botbye = await startBotBye({
    clock,
    random: seeded(3),
    key: 'the key of the days',
    accountId: 'account',
    projectIds: Object.keys(PROJECTS),
    perMinute: 2,
    lag: 20_000,
  });
  await using receiver = await startReceiver({ clock });
  receiver.answer = () => (clock.now() >= AWAY.from && clock.now() < AWAY.to ? { status: 503 } : ACCEPTED);
  const source = (project: string, interval_type: IntervalType) => ({
    type: 'botbye-declined-requests',
    base_url: botbye.url,
    account_id: 'account',
    project_ids: [project],
    token: 'the key of the days',
    types: ['country', 'rule'],
    interval_type,
    schedule: 'every 10m',
  });
  const sources = Object.fromEntries(
    Object.entries(PROJECTS).map(([name, type]) => [name, source(name, type)]),
  );
  await using lab = await openLab({
    clock,
    config: { destinations: { siem: { endpoint: receiver.url } }, sources },
  });
  const random = seeded(4);
  await lab.open();
  lab.start();

  while (clock.now() < END) {
    await lab.advance(20 * MINUTE);
    const drawn = random();
    if (drawn < 0.05) botbye.declines.reset('hourly');
    if (drawn > 0.93) {
      lab.kill();
      await lab.open();
      lab.start();
    }
  }
  await lab.advance(5 * MINUTE);

  const gaps = await lab.app.journal.gaps.of();
  const sums = told(distinct(receiver.ids()));
  const truth = shown(botbye);
  expect(new Map([...sums].map(([name, { deltas }]) => [name, deltas]))).toEqual(truth);
  const ended = [...sums].filter(([, sum]) => sum.ended);
  expect(ended.length).toBeGreaterThan(500);
  for (const [, { finals, deltas }] of ended) expect(finals).toBe(deltas);
  // What was declined in the last seconds of a bucket cannot be seen: no coverage claims it, and a longer hole is a gap.
  for (const { key, scope } of await lab.app.journal.streams.all()) {
    if (scope.startsWith('monthly')) continue;
    for (const { from, to } of await lab.app.journal.coverage.of(key)) expect(covers(from, to)).toBe(false);
  }
  for (const { reason, from, to } of gaps) {
    expect(reason).toBe('bucket-end-unseen');
    expect(to - from).toBeGreaterThan(LEAD + GUARD);
  }
});

/** Whether a span reaches over a midnight, which the last seconds before it forbid. */
function covers(from: number, to: number): boolean {
  return Math.floor(from / (24 * HOUR)) < Math.floor((to - 1) / (24 * HOUR));
}
