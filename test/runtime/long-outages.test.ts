import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { takeSnapshot } from '../../src/observe/snapshot.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { type Lab, openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';

const TOKEN = 'token-of-the-long-outages';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const UNAVAILABLE = { status: 503, headers: { 'retry-after': '300' } };

const random = seeded(24);
let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;

beforeEach(async () => {
  clock = new DrivenClock();
  console = await startConsole({ clock, token: TOKEN });
  receiver = await startReceiver({ clock });
  const source = { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 5m' };
  lab = await openLab({
    clock,
    state: { max_bytes: '8MiB' },
    config: { destinations: { siem: { endpoint: receiver.url } }, sources: { console: source } },
  });
  await lab.open();
  lab.start();
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

/** Somebody logs in every ten minutes. `method`: what the vendor calls it; a long one fills the journal. */
async function passHours(hours: number, method?: () => string): Promise<void> {
  for (let tenths = 0; tenths < hours * 6; tenths += 1) {
    const attempt = loginAttempt(random, clock.now(), console.users);
    console.add([{ ...attempt, ...(method && { attempt_method: method() }) }]);
    await lab.advance(10 * MINUTE);
  }
}

/** Does not compress. */
function long(): string {
  return randomBytes(480_000).toString('base64');
}

function expectEachRowOnce(): void {
  const arrived = distinct(receiver.ids()).map(arrivedTuple);
  expect(multiset(arrived)).toEqual(multiset((console.rows as LoginAttempt[]).map(tupleOf)));
  expect(receiver.received()).toHaveLength(console.rows.length);
}

it('a destination that is away for 24 hours holds up no poll, and has each record once when it is back', async () => {
  await passHours(1);
  const polled = console.requests.length;
  receiver.answer = () => UNAVAILABLE;
  await passHours(21);
  await receiver.away();
  await passHours(3);
  const waiting = await lab.app.journal.destinations.waiting('siem');
  const polls = console.requests.length - polled;
  receiver.answer = () => ACCEPTED;
  await receiver.back();
  await lab.advance(HOUR);

  // What came in the last minutes was not read yet.
  expect(waiting).toBeGreaterThan(24 * 6 - 3);
  // One each five minutes.
  expect(polls).toBeGreaterThanOrEqual(24 * 12 - 1);
  expectEachRowOnce();
});

it('at the cap of the journal nothing is requested; delivery goes on when it can, then polling does, and nothing is lost', async () => {
  receiver.answer = () => UNAVAILABLE;
  await passHours(4, long);
  const full = await takeSnapshot(lab.app);
  const requested = console.requests.length;
  const waiting = await lab.app.journal.destinations.waiting('siem');

  await passHours(2, long);
  const whileFull = console.requests.length - requested;
  const stillWaiting = await lab.app.journal.destinations.waiting('siem');
  receiver.answer = () => ACCEPTED;
  await lab.advance(2 * HOUR);

  expect(full.journal.troubles).toMatchObject([{ reason: 'overflowing' }]);
  expect([whileFull, stillWaiting]).toEqual([0, waiting]);
  expect(waiting).toBeLessThan(console.rows.length - 12);
  expect(await lab.app.journal.gaps.of()).toEqual([]);
  expectEachRowOnce();
});
