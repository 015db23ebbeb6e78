import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lab, openLab, type Step } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { arrivedEvent, arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { openJournalForJobs } from '../../src/journal/sqlite/open.ts';
import { enqueue, outcomeOf } from '../../src/runtime/jobs.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-backfill-test';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab | undefined;
let onStep: Step;
let span: { readonly from: number; readonly to: number };
const random = seeded(21);

beforeEach(async () => {
  clock = new DrivenClock();
  onStep = () => undefined;
  span = { from: clock.now() - 5 * DAY, to: clock.now() - 3 * DAY };
  const rows = loginAttempts({ random, count: 400, ...span });
  console = await startConsole({ clock, token: TOKEN, rows });
  receiver = await startReceiver({ clock });
});

afterEach(async () => {
  await lab?.[Symbol.asyncDispose]();
  lab = undefined;
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

async function open(options: Record<string, unknown> = {}): Promise<Lab> {
  lab = await openLab({
    clock,
    lookEvery: 1_000,
    onStep: (...step) => onStep(...step),
    config: {
      destinations: { siem: { endpoint: receiver.url, compression: 'none' } },
      sources: {
        console: {
          type: 'qradar-login-attempts',
          base_url: console.url,
          token: TOKEN,
          schedule: 'every 1m',
          initial_lookback: '1h',
          page_size: 20,
          resolve_users: false,
          ...options,
        },
      },
    },
  });
  await lab.open();
  return lab;
}

/** Enqueues a job as a command does: through a connection of its own, which does not hold the state. */
async function ask(directory: string, again = false): Promise<number> {
  await using beside = await openJournalForJobs({ path: `${directory}/state` });
  return enqueue(beside.jobs, { kind: 'backfill', source: 'console', ...span, again }, clock.now());
}

async function outcome({ app }: Lab, id: number) {
  const job = await app.journal.jobs.find(id);
  return job && outcomeOf(job);
}

/** Lets time pass, with a sign-in each minute, until the job is finished. */
async function finish(running: Lab, id: number, minutes = 120) {
  for (let minute = 0; minute < minutes; minute += 1) {
    const ended = await outcome(running, id);
    if (ended !== undefined) return ended;
    console.add([loginAttempt(random, clock.now(), console.users)]);
    await running.advance(MINUTE);
  }
  throw new Error('the backfill does not end');
}

const isPast = ({ record }: ReceivedRecord) => record.attributes['labels.penstock_lane'] === 'backfill';

function rowsOfSpan(): LoginAttempt[] {
  return (console.rows as LoginAttempt[]).filter(({ attempt_time: at }) => span.from <= at && at < span.to);
}

function tuples(records: readonly ReceivedRecord[]): Map<string, number> {
  return multiset(records.map(arrivedTuple));
}

async function coverageOf({ app: { journal } }: Lab) {
  const [stream] = await journal.streams.all();
  return journal.coverage.of(stream?.key ?? '');
}

describe('a backfill beside live polling', () => {
  it('a backfill ships each row of the span once, in its own lane, and leaves the live cursor alone', async () => {
    const running = await open();
    running.start();
    await running.advance(2 * MINUTE);
    const id = await ask(running.directory);

    const ended = await finish(running, id);
    await running.advance(3 * MINUTE);

    expect(ended).toMatchObject({ code: 0, message: expect.stringContaining('400 events') });
    const past = receiver.received().filter(isPast);
    expect(tuples(past)).toEqual(multiset(rowsOfSpan().map(tupleOf)));
    expect(past.flatMap((record) => ecsProblems(arrivedEvent(record)))).toEqual([]);
    expect(new Set(past.map(({ resource }) => resource['service.namespace']))).toEqual(
      new Set(['qradar.login_attempts-backfill']),
    );
    expect(receiver.received()).toHaveLength(console.rows.length);
    expect(await coverageOf(running)).toContainEqual(span);
    const [stream] = await running.app.journal.streams.all();
    expect(stream?.cursor).toMatchObject({ next: expect.toSatisfy((next) => next > clock.now() - HOUR) });
  });

  it('a second backfill of a span reads and sends nothing; --again sends the same ids', async () => {
    const running = await open();
    running.start();
    await finish(running, await ask(running.directory));
    await running.advance(3 * MINUTE);
    const sent = receiver.received().length;
    const ids = new Set(receiver.ids().keys());
    const asked = console.requests.length;

    const second = await outcomeAfter(running, await ask(running.directory));
    const listed = console.requests.slice(asked).filter(({ query }) => isOfSpan(query));
    const again = await outcomeAfter(running, await ask(running.directory, true));

    expect(second).toMatchObject({ code: 0, message: expect.stringContaining(' 0 events') });
    expect(listed).toEqual([]);
    expect(again).toMatchObject({ code: 0, message: expect.stringContaining('400 events') });
    expect(receiver.received()).toHaveLength(sent + 400);
    expect(new Set(receiver.ids().keys())).toEqual(ids);
  });

  it.each([
    { quota: { requests: 4, per: '1m' }, longest: 0 },
    { quota: { requests: 1, per: '30s' }, longest: 31_000 },
  ])('a backfill delays no live poll by more than a slot of $quota', async ({ quota, longest }) => {
    const running = await open({ quota, page_size: 50 });
    running.start();
    await running.advance(2 * MINUTE);
    const id = await ask(running.directory);

    await finish(running, id);

    const [stream] = await running.app.journal.streams.all();
    const polls = await running.app.journal.polls.last(stream?.key ?? '', 50);
    expect(polls.length).toBeGreaterThan(3);
    expect(polls.every((poll) => poll.outcome === 'complete')).toBe(true);
    expect(Math.max(...polls.map(({ durationMs }) => durationMs))).toBeLessThanOrEqual(longest);
  });

  it('a backfill that fails says why, keeps what was read, and a second one reads the rest', async () => {
    const running = await open({ retries: 0 });
    running.start();
    await running.advance(2 * MINUTE);
    let parts = 0;
    console.onRequest = ({ query }) => {
      if (isOfSpan(query)) parts += 1;
      return parts === 8 ? { status: 503 } : undefined;
    };

    const failed = await finish(running, await ask(running.directory));
    const partly = receiver.received().filter(isPast).length;
    const ended = await finish(running, await ask(running.directory));

    expect(failed).toMatchObject({ code: 3, message: expect.stringContaining('503') });
    expect(partly).toBeGreaterThan(0);
    expect(partly).toBeLessThan(400);
    expect(ended.code).toBe(0);
    expect(tuples(receiver.received().filter(isPast))).toEqual(multiset(rowsOfSpan().map(tupleOf)));
  });

  it('a backfill ends with 4 when a destination is paused, and its events are delivered when that is fixed', async () => {
    receiver.answer = () => ({ status: 401 });
    const running = await open();
    running.start();
    await running.advance(2 * MINUTE);

    const ended = await finish(running, await ask(running.directory));
    receiver.answer = () => ({ status: 200 });
    await running.advance(3 * MINUTE);

    expect(ended).toMatchObject({ code: 4, message: expect.stringContaining('siem is paused') });
    expect(tuples(receiver.received().filter(isPast))).toEqual(multiset(rowsOfSpan().map(tupleOf)));
  });
});

describe('a backfill that is killed', () => {
  it.each(Array.from({ length: 6 }, (_, seed) => ({ seed })))(
    'a backfill that is killed at random steps of the journal loses no row and sends none twice (seed $seed)',
    async ({ seed }) => {
      const dice = seeded(seed);
      const running = await open();
      let left = Infinity;
      onStep = () => {
        left -= 1;
        if (left === 0) running.kill();
      };
      running.start();
      await running.advance(2 * MINUTE);
      const id = await ask(running.directory);
      for (let kills = 0; kills < 6; kills += 1) {
        left = 10 + Math.floor(dice() * 120);
        for (let seconds = 0; seconds < 120 && !running.killed; seconds += 1) await running.advance(1_000);
        if (!running.killed) running.kill();
        left = Infinity;
        await running.open();
        running.start();
      }

      const ended = await finish(running, id);
      await running.advance(3 * MINUTE);

      expect(ended).toEqual({ code: 0, message: expect.any(String) });
      expect(tuples(distinct(receiver.ids()))).toEqual(
        multiset((console.rows as LoginAttempt[]).map(tupleOf)),
      );
      expect(await coverageOf(running)).toContainEqual(span);
    },
  );
});

async function outcomeAfter(running: Lab, id: number) {
  for (let seconds = 0; seconds < 600; seconds += 1) {
    const ended = await outcome(running, id);
    if (ended !== undefined) return ended;
    await running.advance(1_000);
  }
  throw new Error('the backfill does not end');
}

function isOfSpan(query: URLSearchParams): boolean {
  const [, from] = /attempt_time >= (\d+)/.exec(query.get('filter') ?? '') ?? [];
  return from !== undefined && Number(from) < span.to;
}
