import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Lab, openLab, type Step } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import type { DestinationGap } from '../../src/journal/delivery.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { takeSnapshot } from '../../src/observe/snapshot.ts';
import { encoded } from '../support/records.ts';

const TOKEN = 'token-of-the-backlog-test';
const MINUTE = 60_000;
const KIB = 1_024;
// Long, so that events are skipped during a wait.
const AWAY = { status: 503, headers: { 'retry-after': '240' } };

const random = seeded(14);
let clock: DrivenClock;
let console: SimulatedConsole;
let dead: Receiver;
let alive: Receiver;
let lab: Lab;
let onStep: Step;

beforeEach(async () => {
  clock = new DrivenClock();
  onStep = () => undefined;
  const now = clock.now();
  const rows = loginAttempts({ random, count: 20, from: now - 60 * MINUTE, to: now - 2 * MINUTE });
  console = await startConsole({ clock, token: TOKEN, rows });
  dead = await startReceiver({ clock, answer: () => AWAY });
  alive = await startReceiver({ clock });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  for (const server of [dead, alive, console]) await server[Symbol.asyncDispose]();
});

async function open(backlog: Readonly<Record<string, unknown>>, more: object = {}): Promise<void> {
  lab = await openLab({
    clock,
    state: { max_bytes: '8MiB', retain: '0s' },
    onStep: (...step) => onStep(...step),
    config: {
      destinations: {
        dead: { endpoint: dead.url, backlog, ...more },
        alive: { endpoint: alive.url },
      },
      sources: {
        console: { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 1m' },
      },
    },
  });
  await lab.open();
}

// oxlint-disable-next-line unicorn/no-thenable -- a key of the configuration; its value is a word, which nobody awaits
const gapBeyond = (max: string | number) => ({ max, then: 'gap' });

let filled = 0;

/** Commits a page with one event of about so many bytes, at the present time. */
async function fill(bytes: number): Promise<void> {
  filled += 1;
  const [stream] = await lab.app.journal.streams.all();
  if (stream === undefined) throw new Error('It was polled.');
  await lab.app.journal.commit({
    stream: stream.key,
    source: 'console',
    observedAt: clock.now(),
    records: encoded([
      {
        uid: `filler ${filled}`,
        event: {
          '@timestamp': new Date(clock.now()).toISOString(),
          'event.dataset': 'qradar.login_attempts',
          message: randomBytes(bytes).toString('base64'),
        },
      },
    ]),
  });
}

/** Minutes in each of which somebody logs in and a large event comes. */
async function pass(minutes: number, bytes = 512 * KIB): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    console.add([loginAttempt(random, clock.now() - 2 * MINUTE, console.users)]);
    await fill(bytes);
    await lab.advance(MINUTE);
  }
}

const uids = (receiver: Receiver) => new Set(receiver.received().map(({ uid }) => uid));

/** What only the destination that is alive has: the count and the span of times. */
function missedByDead(): Pick<DestinationGap, 'events' | 'from' | 'to'> {
  const has = uids(dead);
  // A kill may have made it repeat some.
  const times = [...alive.ids()]
    .filter(([uid]) => !has.has(uid))
    .flatMap(([, records]) => records.slice(0, 1))
    .map(({ record }) => Number(record.timeUnixNano / 1_000_000n));
  return { events: times.length, from: Math.min(...times), to: Math.max(...times) + 1 };
}

const logged = () => lab.log.filter((line) => line.includes('backlog-full'));

async function polls(): Promise<string[]> {
  const [stream] = await lab.app.journal.streams.all();
  const all = stream === undefined ? [] : await lab.app.journal.polls.last(stream.key, 100);
  return all.map(({ outcome }) => outcome);
}

describe('a destination with `backlog: { then: gap }`', () => {
  it('an unavailable destination with a limit holds back nobody, and misses exactly what its gap says', async () => {
    await open(gapBeyond('2MiB'));
    lab.start();
    await lab.advance(1_000);
    await pass(20);
    const whileAway = await lab.app.journal.destinations.gaps();
    const loggedWhileAway = logged().length;
    const { destinations } = await takeSnapshot(lab.app);
    dead.answer = () => ACCEPTED;
    await lab.advance(10 * MINUTE);

    const all = uids(alive);
    expect(all.size).toBe(60);
    expect(new Set(await polls())).toEqual(new Set(['complete']));
    const gaps = await lab.app.journal.destinations.gaps();
    const missed = missedByDead();
    expect(gaps).toHaveLength(1);
    expect(gaps).toMatchObject([
      {
        destination: 'dead',
        ...missed,
        sources: { console: missed.events },
        ended: expect.any(Number) as number,
      },
    ]);
    expect(whileAway).toMatchObject([{ ...missed, ended: undefined }]);
    // Of 20 large pages the newest four at most were kept.
    expect(missed.events).toBeGreaterThan(50);
    expect(uids(dead).size).toBe(all.size - missed.events);
    expect([...uids(dead)].every((uid) => all.has(uid))).toBe(true);
    expect(dead.received()).toHaveLength(uids(dead).size);
    expect([loggedWhileAway, logged().length]).toEqual([1, 1]);
    expect(destinations.map(({ state }) => state)).toMatchObject([
      {
        name: 'unreachable',
        reason: expect.stringContaining(`${missed.events} events were skipped`) as string,
      },
      { name: 'healthy' },
    ]);
  });

  it('nothing is skipped while the backlog is below the limit', async () => {
    await open(gapBeyond('4MiB'));
    lab.start();
    await lab.advance(1_000);
    await pass(3);
    dead.answer = () => ACCEPTED;
    await lab.advance(10 * MINUTE);

    expect(await lab.app.journal.destinations.gaps()).toEqual([]);
    expect(uids(dead)).toEqual(uids(alive));
  });

  it('the newest page is kept, however small the limit is', async () => {
    await open(gapBeyond(1));
    lab.start();
    await lab.advance(1_000);
    await fill(64 * KIB);
    await fill(64 * KIB);
    await lab.advance(MINUTE);
    dead.answer = () => ACCEPTED;
    await lab.advance(5 * MINUTE);

    expect([...uids(dead)]).toEqual([`filler ${filled}`]);
    expect(await lab.app.journal.destinations.gaps()).toMatchObject([missedByDead()]);
  });

  it('events that have waited longer than a limit in time are skipped, also when nothing new comes', async () => {
    await open(gapBeyond('10m'));
    lab.start();
    await lab.advance(1_000);
    await lab.advance(9 * MINUTE);
    const before = await lab.app.journal.destinations.gaps();
    await fill(KIB);
    await lab.advance(3 * MINUTE);
    dead.answer = () => ACCEPTED;
    await lab.advance(5 * MINUTE);

    expect(before).toEqual([]);
    expect([...uids(dead)]).toEqual([`filler ${filled}`]);
    expect(await lab.app.journal.destinations.gaps()).toMatchObject([{ ...missedByDead(), events: 20 }]);
  });

  it('events are skipped before the journal is full, whatever the limit is', async () => {
    await open(gapBeyond('7d'));
    lab.start();
    await lab.advance(1_000);
    await pass(20);

    expect(new Set(await polls())).toEqual(new Set(['complete']));
    expect(uids(alive).size).toBe(60);
    const [gap] = await lab.app.journal.destinations.gaps();
    expect(gap?.events).toBeGreaterThan(0);
  });

  it('a gap counts only the events that the destination receives', async () => {
    await open(gapBeyond(1), { tenants: ['north'] });
    lab.start();
    await lab.advance(1_000);
    const [stream] = await lab.app.journal.streams.all();
    const event = (tenant: string) => ({
      uid: `of ${tenant}`,
      event: {
        '@timestamp': new Date(clock.now()).toISOString(),
        'event.dataset': 'qradar.login_attempts',
        'organization.id': tenant,
      },
    });
    await lab.app.journal.commit({
      stream: stream?.key ?? '',
      source: 'console',
      observedAt: clock.now(),
      records: encoded([event('north'), event('south'), event('south')]),
    });
    await fill(KIB);
    await lab.advance(MINUTE);

    // The console's rows have no tenant.
    expect(await lab.app.journal.destinations.gaps()).toMatchObject([{ events: 20 + 1 }]);
  });

  it('a destination that is unavailable again has another gap with its own count', async () => {
    await open(gapBeyond(1));
    lab.start();
    await lab.advance(1_000);
    await pass(3, KIB);
    dead.answer = () => ACCEPTED;
    await lab.advance(5 * MINUTE);
    dead.answer = () => AWAY;
    await pass(3, KIB);
    dead.answer = () => ACCEPTED;
    await lab.advance(5 * MINUTE);

    const gaps = await lab.app.journal.destinations.gaps();
    const events = gaps.reduce((sum, gap) => sum + gap.events, 0);
    expect(gaps).toHaveLength(2);
    expect(logged()).toHaveLength(2);
    expect(events).toBe(missedByDead().events);
    expect(lab.app.live.destination('dead').skipped).toBe(events);
    expect(lab.app.live.destination('alive').skipped).toBe(0);
  });

  it.each(['before', 'after'] as const)(
    'a kill %s the commit of a skip loses nothing silently',
    async (moment) => {
      await open(gapBeyond('1MiB'));
      let skips = 0;
      onStep = (name, phase) => {
        if (name !== 'destinations.skip' || phase !== moment) return;
        skips += 1;
        if (skips % 3 === 2) lab.kill();
      };
      lab.start();
      await lab.advance(1_000);
      let lives = 1;
      for (let minute = 0; minute < 10; minute += 1) {
        if (lab.killed) {
          await lab.open();
          lab.start();
          lives += 1;
          await lab.advance(1_000);
        }
        if (!lab.killed) await pass(1);
      }
      onStep = () => undefined;
      if (lab.killed) {
        await lab.open();
        lab.start();
      }
      dead.answer = () => ACCEPTED;
      await lab.advance(10 * MINUTE);

      expect(lives).toBeGreaterThan(2);
      const gaps = await lab.app.journal.destinations.gaps();
      expect(gaps).toMatchObject([missedByDead()]);
    },
  );
});

it('without `backlog`, the journal keeps everything for an unavailable destination', async () => {
  await open({});
  lab.start();
  await lab.advance(1_000);
  await pass(20);
  const stopped = await polls();
  dead.answer = () => ACCEPTED;
  await lab.advance(10 * MINUTE);

  expect(stopped).toContain('JournalFullError');
  expect(uids(dead)).toEqual(uids(alive));
  expect(await lab.app.journal.destinations.gaps()).toEqual([]);
});
