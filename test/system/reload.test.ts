import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Running, startCli, workspace } from '../support/cli.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { serve, type Simulator } from '../../src/simulators/server.ts';

const TOKEN = 'token-of-the-reload-test';
const HOUR = 3_600_000;
const STARTED = '"message":"Started."';
const REFUSED = 'Reload rejected';

let first: SimulatedConsole;
let second: SimulatedConsole;
let receiver: Receiver;
let space: Awaited<ReturnType<typeof workspace>>;
let daemon: Running;

/** 300 login attempts between then and now. */
function rows(seed: number, from = HOUR): LoginAttempt[] {
  const now = Date.now();
  return loginAttempts({ random: seeded(seed), count: 300, from: now - from, to: now - 1_000 });
}

/** New ones, late by less than what each poll reads again. */
function signIn(): void {
  first.add(rows(3, 60_000));
}

function source(console: SimulatedConsole, more: Readonly<Record<string, unknown>> = {}) {
  const type = 'qradar-login-attempts';
  return { type, base_url: console.url, token: TOKEN, schedule: 'every 1s', settle: '0s', ...more };
}

/** Writes a configuration of these sources; the admin endpoint listens on any free port, or on that one. */
function configure(sources: Readonly<Record<string, unknown>>, port = 0): Promise<void> {
  return writeFile(
    space.config,
    stringify({
      state: { path: `${space.path}/state` },
      admin: { listen: `127.0.0.1:${port}` },
      destinations: { siem: { endpoint: receiver.url } },
      sources,
    }),
  );
}

beforeEach(async () => {
  first = await startConsole({ clock: systemClock, token: TOKEN, rows: rows(1) });
  second = await startConsole({ clock: systemClock, token: TOKEN, rows: rows(2) });
  receiver = await startReceiver({ clock: systemClock });
  space = await workspace();
  await configure({ first: source(first) });
  daemon = startCli(['run', '-c', space.config]);
  await receiver.until(300);
});

afterEach(async () => {
  daemon.child.kill('SIGKILL');
  await daemon.ended;
  for (const one of [first, second, receiver, space]) await one[Symbol.asyncDispose]();
});

function reload(): void {
  daemon.child.kill('SIGHUP');
}

/** Ends the daemon in order, and returns what it wrote on stderr. */
async function stop(): Promise<string> {
  daemon.child.kill('SIGTERM');
  const { code, stderr } = await daemon.ended;
  expect(code, stderr).toBe(0);
  return stderr;
}

/** What arrived is what the consoles have, once each. */
function expectTruth(...consoles: readonly SimulatedConsole[]): void {
  const all = consoles.flatMap((console) => console.rows as LoginAttempt[]);
  expect(multiset(distinct(receiver.ids()).map(arrivedTuple))).toEqual(multiset(all.map(tupleOf)));
  expect(receiver.received()).toHaveLength(receiver.ids().size);
}

it('a reload polls the added source, and no longer the removed one', async () => {
  await configure({ second: source(second) });
  reload();
  await daemon.said(STARTED, 2);
  const asked = first.requests.length;

  await receiver.until(600);
  await second.asked(second.requests.length + 5);

  expect(first.requests).toHaveLength(asked);
  expectTruth(first, second);
  await stop();
});

it('a reload keeps the old configuration when the new one is invalid, and says where', async () => {
  await writeFile(space.config, 'sources:\n  first:\n    type: qradar-login-attempts\n    nonsense: 1\n');
  reload();
  await daemon.said('nonsense');
  signIn();

  await receiver.until(600);

  const stderr = await stop();
  const problems = stderr.split('\n').filter((line) => line.includes(REFUSED));
  expect(problems.join('\n')).toMatch(/penstock\.yaml:4:5 sources\.first\.nonsense: unknown option/);
  expect(problems.length).toBeGreaterThan(1);
  expectTruth(first);
});

it('a reload keeps the old configuration when the new address is in use', async () => {
  await using other: Simulator = await serve(() => ({ status: 200 }), { clock: systemClock });
  await configure({ second: source(second) }, Number(new URL(other.url).port));
  reload();
  await daemon.said('another process already uses this port');
  signIn();

  await receiver.until(600);

  expect(second.requests).toEqual([]);
  expectTruth(first);
  await stop();
});

it('a reload keeps the old configuration when the state was made for another source of that name', async () => {
  await configure({ first: source(second) });
  reload();
  await daemon.said(REFUSED);
  signIn();

  await receiver.until(600);

  expect(second.requests).toEqual([]);
  expectTruth(first);
  await stop();
});

it('a reload polls a source again whose token was rejected', async () => {
  await configure({
    first: source(first),
    second: source(second, { token: 'an-older-token', schedule: 'every 1h' }),
  });
  reload();
  await daemon.said('the credential was rejected');

  await configure({ first: source(first), second: source(second, { schedule: 'every 1h' }) });
  reload();
  await receiver.until(600);

  expectTruth(first, second);
  await stop();
});

it('a reload keeps the listener and the counts', async () => {
  const port = await adminPort();
  const before = await delivered(port);
  await configure({ first: source(first), second: source(second) });

  reload();
  await daemon.said(STARTED, 2);
  const answers = await Promise.all([1, 2, 3].map(() => fetch(`http://127.0.0.1:${port}/livez`)));
  await receiver.until(600);

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(before).toBe(300);
  await expect.poll(() => delivered(port)).toBe(600);
  await stop();
});

async function adminPort(): Promise<number> {
  await daemon.said('Admin endpoint listening.');
  const [, port] = /"port":(\d+)/.exec(daemon.stderr()) ?? [];
  return Number(port);
}

async function delivered(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const [, count] = /^penstock_delivered_events_total\{.*\} (\d+)$/m.exec(await answer.text()) ?? [];
  return Number(count);
}
