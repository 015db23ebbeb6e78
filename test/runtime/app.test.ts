import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { untilAborted } from '../../src/core/clock.ts';
import { storedReports } from '../../src/observe/status.ts';
import { serveJobs } from '../../src/runtime/job-queue.ts';
import { enqueue, type JobHandlers } from '../../src/runtime/jobs.ts';
import { type Lab, openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { arrivedEvent, arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-app-test';
const MINUTE = 60_000;
const DAY = 86_400_000;
const LISTS = '/api/access/login_attempts';

/** The vendor's clock is one of its own, so that either can be wrong. */
let ours: DrivenClock;
let theirs: { offset: number };
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;
const random = seeded(7);

beforeEach(async () => {
  ours = new DrivenClock();
  theirs = { offset: 0 };
  const vendorClock = { now: () => ours.now() + theirs.offset, sleep: ours.sleep.bind(ours) };
  const now = ours.now();
  const rows = loginAttempts({ random, count: 200, from: now - 60 * MINUTE, to: now - 2 * MINUTE });
  console = await startConsole({ clock: vendorClock, token: TOKEN, rows });
  receiver = await startReceiver({ clock: ours });
  lab = await openLab({
    clock: ours,
    config: {
      destinations: { siem: { endpoint: receiver.url } },
      sources: {
        console: { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 5m' },
      },
    },
  });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

/** Each row of the console arrived; repeats have the same id, and the same bytes unless the row was read anew. */
function expectTruth({ readAnew = false } = {}): void {
  const records = readAnew
    ? [...receiver.ids().values()].flatMap(([first]) => first ?? [])
    : distinct(receiver.ids());
  expect(multiset(records.map(arrivedTuple))).toEqual(
    multiset((console.rows as LoginAttempt[]).map(tupleOf)),
  );
}

/** A new row, stamped by the vendor's clock. */
function signIn(): void {
  console.add([loginAttempt(random, ours.now() + theirs.offset, console.users)]);
}

describe('once', () => {
  it('once ships everything, and every event passes the ECS rules', async () => {
    await lab.open();

    const summary = await lab.once();

    expect(summary.polls).toMatchObject([{ source: 'console', outcome: 'complete' }]);
    expect(summary.undelivered).toBe(0);
    expectTruth();
    expect(receiver.received().flatMap((record) => ecsProblems(arrivedEvent(record)))).toEqual([]);
  });

  it('once with nothing new sends nothing, makes one list request, and moves the cursor', async () => {
    await lab.open();
    await lab.once();
    const [before] = await lab.app.journal.streams.all();
    await lab.stop();
    await lab.advance(5 * MINUTE);
    const exportsBefore = receiver.exports.length;
    const requestsBefore = console.requests.length;

    await lab.open();
    await lab.once();

    const [after] = await lab.app.journal.streams.all();
    expect(receiver.exports).toHaveLength(exportsBefore);
    expect(console.requests.slice(requestsBefore).map(({ path }) => path)).toEqual([LISTS]);
    expect(after?.cursor).not.toEqual(before?.cursor);
  });

  it('once keeps what the receiver does not accept, and a later pass delivers it', async () => {
    receiver.answer = () => ({ status: 401 });
    await lab.open();
    const first = await lab.once();
    await lab.stop();
    receiver.answer = () => ACCEPTED;

    await lab.open();
    const second = await lab.once();

    expect(first.undelivered).toBe(console.rows.length);
    expect(second.undelivered).toBe(0);
    expectTruth();
  });
});

describe('the daemon', () => {
  it('the daemon polls when due, and ships each new row once', async () => {
    await lab.open();
    lab.start();
    for (let minutes = 0; minutes < 30; minutes += 1) {
      signIn();
      await lab.advance(MINUTE);
    }
    await lab.advance(12 * MINUTE);

    expectTruth();
    expect(receiver.received()).toHaveLength(console.rows.length);
  });

  it.each([
    { whose: 'our', jump: DAY },
    { whose: 'our', jump: -DAY },
    { whose: "the vendor's", jump: DAY },
    { whose: "the vendor's", jump: -DAY },
  ])('the daemon loses nothing when $whose clock jumps by $jump ms', async ({ whose, jump }) => {
    await lab.open();
    lab.start();
    for (let minutes = 0; minutes < 30; minutes += 1) {
      signIn();
      await lab.advance(20_000);
      if (minutes === 10) {
        if (whose === 'our') {
          ours.jump(jump);
          theirs.offset -= jump;
        } else theirs.offset += jump;
      }
      signIn();
      await lab.advance(40_000);
    }
    // What was stamped just before the vendor's clock went back is in its future; it is read when that has come.
    await lab.advance(whose === 'our' ? 12 * MINUTE : DAY + 12 * MINUTE);

    expectTruth({ readAnew: whose !== 'our' });
  });

  it('the daemon loses nothing when the vendor’s clock jumps ahead and back', async () => {
    await lab.open();
    lab.start();
    for (let minutes = 0; minutes < 40; minutes += 1) {
      if (minutes === 10) theirs.offset += DAY;
      if (minutes === 20) theirs.offset -= DAY;
      signIn();
      await lab.advance(MINUTE);
    }
    await lab.advance(DAY + 12 * MINUTE);

    expectTruth({ readAnew: true });
  });
});

it('what a hold is for is closed after the jobs that use it, so that they write nothing under the next hold', async () => {
  const app = await lab.open();
  const { signal } = new AbortController();
  const hold = {
    subject: { kind: 'source', name: 'console' },
    signal,
    requireValid: () => undefined,
  } as const;
  const unit = app.units.open({ hold, ending: signal, reports: storedReports(new Map()) });
  await enqueue(app.journal.jobs, { kind: 'rewind', source: 'console', to: 1 }, ours.now());
  const ended: string[] = [];
  const rewind: JobHandlers['rewind'] = async (job) => {
    await untilAborted(job.signal);
    await ours.sleep(2_000);
    ended.push('job');
    return undefined;
  };
  const serving = serveJobs(app, { handlers: { rewind } as JobHandlers });
  await ours.advance(1_000);

  const closed = unit[Symbol.asyncDispose]().then(() => ended.push('unit'));
  await ours.advance(5_000);
  app.abort();
  await ours.advance(5_000);
  await Promise.all([closed, serving]);

  expect(ended).toEqual(['job', 'unit']);
});

it('what was lost before its work began is offered to nobody', async () => {
  const app = await lab.open();
  const signal = AbortSignal.abort();
  const hold = {
    subject: { kind: 'source', name: 'console' },
    signal,
    requireValid: () => undefined,
  } as const;

  await using unit = app.units.open({ hold, ending: signal, reports: storedReports(new Map()) });

  expect(unit.signal.aborted).toBe(true);
  expect(app.units.source('console')).toBeUndefined();
});
