import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startBotBye, type BotBye } from '../../../src/simulators/botbye.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import source from '../../../src/sources/botbye-declined-requests/index.ts';
import { drive, failure } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { type TestPipeline, testPipeline } from '../../support/test-pipeline.ts';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

let clock: DrivenClock;
let botbye: BotBye;
let lab: TestPipeline;

beforeEach(async () => {
  clock = new DrivenClock('2026-03-02T12:10:00Z');
  botbye = await startBotBye({
    clock,
    random: seeded(1),
    key: 'the key',
    accountId: 'acc-1',
    projectIds: ['p-1'],
    perMinute: 3,
    history: DAY,
  });
  lab = testPipeline({
    source,
    vendor: botbye,
    clock,
    config: { token: 'the key', account_id: 'acc-1', project_ids: ['p-1'], types: ['country', 'rule'] },
  });
});

afterEach(() => botbye[Symbol.asyncDispose]());

const once = () => drive(clock, lab.once(), MINUTE);
const utc = (at: number) => new Date(at).toUTCString();

/** The next answers are so much off; then the vendor's own clock again. */
function off(...by: number[]): void {
  botbye.proxy.headers = () => {
    const ms = by.shift() ?? 0;
    return ms === 0 ? {} : { date: utc(clock.now() + ms) };
  };
}

/** Sums of deltas by bucket and dimension. */
function sums(): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { event } of lab.events) {
    const name = `${String(event['event.start'])} ${String(event['botbye.declined_requests.dimension'])}`;
    all[name] = (all[name] ?? 0) + Number(event['botbye.declined_requests.delta']);
  }
  return all;
}

/** The vendor's own counts of the day that goes on. */
function shownNow(): Record<string, number> {
  const start = '2026-03-02T00:00:00.000Z';
  return Object.fromEntries(
    (['country', 'rule'] as const).map((type) => {
      const rows = botbye.shown.findLast(({ summary }) => summary === type)?.rows ?? [];
      return [`${start} ${type}`, rows.reduce((sum, { declinedReqCount }) => sum + declinedReqCount, 0)];
    }),
  );
}

describe('an answer that is dated a day off', () => {
  it.each([
    ['back', -DAY],
    ['ahead', DAY],
    ['to the year before', -365 * DAY],
  ])('%s is requested again, also without retries, and adds to no other day', async (_, by) => {
    await once();
    await clock.advance(5 * MINUTE);
    const before = botbye.requests.length;
    off(by);

    await once();

    expect(sums()).toEqual(shownNow());
    expect(botbye.requests.length - before).toBe(3);
  });

  it('four answers dated a day off that no other one confirms fail the poll', async () => {
    await once();
    const emitted = lab.events.length;
    off(-DAY, DAY, -2 * DAY, 3 * DAY);

    const error = await failure(once());

    expect(error.message).toMatch(/requested 4 times/);
    expect(lab.events).toHaveLength(emitted);
  });

  it('an answer dated a day off is believed when another one agrees, for all streams at once', async () => {
    await once();
    const before = botbye.requests.length;
    botbye.proxy.headers = () => ({ date: utc(clock.now() + DAY) });

    await once();
    const confirmed = botbye.requests.length - before;
    await once();

    // The first stream asks twice, the other one takes its word; from then on each knows.
    expect(confirmed).toBe(3);
    expect(botbye.requests.length - before).toBe(5);
    expect([...lab.cursors.values()]).toMatchObject([{ ahead: DAY }, { ahead: DAY }]);
  });
});

describe('an old answer of a cache', () => {
  it('an old answer of a cache is not counted: neither as falling counts nor in the day before', async () => {
    await once();
    await clock.advance(10 * MINUTE);
    await once();
    const emitted = lab.events.length;
    const rows = botbye.shown.find(({ summary }) => summary === 'country')?.rows;
    botbye.script.push({
      status: 200,
      headers: { date: utc(clock.now() - 10 * MINUTE), age: '600' },
      body: rows,
    });

    await once();

    expect(lab.events).toHaveLength(emitted);
    expect(lab.lines.filter(({ msg }) => /older than the last reading/.test(String(msg)))).toHaveLength(1);
    expect(sums()).toEqual(shownNow());
  });
});

describe('a clock that is set back', () => {
  it('a clock that is set back within its bucket is followed, and counting continues', async () => {
    await once();
    await clock.advance(30 * MINUTE);
    await once();
    botbye.proxy.headers = () => ({ date: utc(clock.now() - 20 * MINUTE) });
    for (let polls = 0; polls < 3; polls += 1) {
      await clock.advance(5 * MINUTE);
      await once();
    }

    expect(sums()).toEqual(shownNow());
  });
});

describe('a clock that is set ahead by ten days, and back', () => {
  it('a clock that is set ahead by ten days, and back, counts nothing twice in the current day', async () => {
    await once();
    botbye.proxy.headers = () => ({ date: utc(clock.now() + 10 * DAY) });
    await clock.advance(5 * MINUTE);
    await once();
    botbye.proxy.headers = undefined;
    await clock.advance(5 * MINUTE);

    await once();

    expect(sums()).toMatchObject(shownNow());
  });
});

describe('a clock that is ahead of ours', () => {
  it('a clock that is ahead is known after a restart before any answer, and lasting differences are logged as a warning', async () => {
    botbye.proxy.headers = () => ({ date: utc(clock.now() + 60 * MINUTE) });
    await once();
    await using process = lab.start();
    const answers: number[] = [];
    botbye.proxy.headers = () => {
      answers.push(process.context.now() - clock.now());
      return { date: utc(clock.now() + 60 * MINUTE) };
    };

    await drive(clock, process.poll(), MINUTE);

    expect(answers).toEqual([60 * MINUTE, 60 * MINUTE]);
    expect(
      lab.lines.filter(({ msg }) => /clocks of the vendor and of this machine differ/.test(String(msg))),
    ).not.toEqual([]);
  });
});
