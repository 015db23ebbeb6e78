import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { runCli, startCli, workspace } from '../support/cli.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ACCEPTED, ANSWER_LOST, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { pick, seeded } from '../../src/simulators/seeded.ts';
import { HTML_UNAVAILABLE, type Simulator, throttled } from '../../src/simulators/server.ts';

const TOKEN = 'token-of-the-kill-test';
const COUNT = 100_000;
const KILLS = 20;
const HOUR = 3_600_000;

function configuration(console: SimulatedConsole, receiver: Receiver, directory: string): string {
  return `
state: { path: ${directory}/state }
destinations:
  siem: { endpoint: ${receiver.url}, timeout: 5s }
sources:
  console:
    type: qradar-login-attempts
    base_url: ${console.url}
    token: ${TOKEN}
    page_size: 500
    settle: 0s
    initial_lookback: 3h
log: { level: warn }
`;
}

/** A moment that only the run itself decides: after some further requests to the console or to the receiver. */
async function randomMoment(
  random: () => number,
  console: SimulatedConsole,
  receiver: Receiver,
  signal: AbortSignal,
): Promise<void> {
  const some = (simulator: Simulator, most: number) =>
    simulator
      .asked(simulator.requests.length + 1 + Math.floor(random() * most), signal)
      .catch(() => undefined);
  await Promise.race([some(console, 14), some(receiver, 8)]);
  for (let turns = Math.floor(random() * 40); turns > 0; turns -= 1) await turn();
}

async function killAndStartAgain(
  random: () => number,
  console: SimulatedConsole,
  receiver: Receiver,
  config: string,
): Promise<number> {
  let kills = 0;
  for (let life = 0; life < KILLS; life += 1) {
    const ended = new AbortController();
    const { child, ended: end } = startCli(['once', '-c', config]);
    void end.then(() => ended.abort());
    await randomMoment(random, console, receiver, ended.signal);
    child.kill('SIGKILL');
    if ((await end).signal === 'SIGKILL') kills += 1;
  }
  return kills;
}

/** Runs until nothing is new: rows of the last moments are read when their time has passed. */
async function finish(config: string, receiver: Receiver, rows: () => number) {
  for (let passes = 0; passes < 10; passes += 1) {
    const { code, stderr } = await runCli(['once', '-c', config]);
    expect(code, stderr).toBe(0);
    if (receiver.ids().size >= rows()) return;
  }
}

describe.each([
  { name: 'with a healthy console and receiver', trouble: false },
  {
    name: 'with the receiver away for the first half, and 429s, 503s and resets from both sides',
    trouble: true,
  },
])('100,000 login attempts, killed 20 times, $name', ({ trouble }) => {
  it('arrive once each, and every repeat is the same to the byte', async () => {
    const random = seeded(trouble ? 2 : 1);
    const now = Date.now();
    const plan = { throttle: 0.01, unavailable: 0.02, reset: 0.02, truncate: 0.01, retryAfter: 1 };
    await using console = await startConsole({
      clock: systemClock,
      token: TOKEN,
      rows: loginAttempts({
        random,
        count: COUNT,
        from: now - 2 * HOUR,
        to: now - 60_000,
        shareMillisecond: 0.3,
        duplicates: 0.02,
      }),
      ...(trouble && { faults: { plan, random } }),
    });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(console, receiver, path));
    const { config } = space;
    let arrivals = 0;
    console.onRequest = () => {
      // New rows arrive during the walk, some of them late.
      if (arrivals < 500)
        console.add([loginAttempt(random, Date.now() - Math.floor(random() * 2_000), console.users)]);
      arrivals += 1;
      return undefined;
    };
    if (trouble) {
      const answers = [
        ACCEPTED,
        ACCEPTED,
        ACCEPTED,
        ACCEPTED,
        throttled(1),
        HTML_UNAVAILABLE,
        ANSWER_LOST,
        { status: 503, fault: 'reset' as const },
      ];
      receiver.answer = () => (console.requests.length < 120 ? { status: 503 } : pick(random, answers));
    }

    const kills = await killAndStartAgain(random, console, receiver, config);
    receiver.answer = () => ACCEPTED;
    console.onRequest = undefined;
    await finish(config, receiver, () => console.rows.length);

    expect(kills).toBeGreaterThanOrEqual(KILLS / 2);
    const records = distinct(receiver.ids());
    expect(records).toHaveLength(console.rows.length);
    expect(multiset(records.map(arrivedTuple))).toEqual(
      multiset((console.rows as LoginAttempt[]).map(tupleOf)),
    );
  });
});
