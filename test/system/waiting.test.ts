import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { runCli, type Running, startCli, workspace } from '../support/cli.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-waiting-test';
const HOUR = 3_600_000;
const WAITING = 'Waiting for the state: a command holds it.';

let console: SimulatedConsole;
let receiver: Receiver;
let space: Awaited<ReturnType<typeof workspace>>;
let running: Running[];

beforeEach(async () => {
  const now = Date.now();
  const rows = loginAttempts({ random: seeded(5), count: 40, from: now - HOUR, to: now - 120_000 });
  console = await startConsole({ clock: systemClock, token: TOKEN, rows });
  receiver = await startReceiver({ clock: systemClock });
  const type = 'qradar-login-attempts';
  space = await workspace((path) =>
    stringify({
      state: { path: `${path}/state` },
      admin: { listen: '127.0.0.1:0' },
      destinations: { siem: { endpoint: receiver.url } },
      sources: { console: { type, base_url: console.url, token: TOKEN, schedule: 'every 1s' } },
    }),
  );
  running = [];
});

afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  for (const one of [console, receiver, space]) await one[Symbol.asyncDispose]();
});

function start(...args: readonly string[]): Running {
  const one = startCli([...args, '-c', space.config]);
  running.push(one);
  return one;
}

/** A pass that holds the state until it is stopped: its receiver accepts nothing. */
async function startCommand(): Promise<Running> {
  receiver.answer = () => ({ status: 503 });
  const command = start('once', '--deadline', '5m');
  await command.said('Destination unavailable');
  return command;
}

async function ask(daemon: Running, path: string): Promise<{ status: number; body: string }> {
  await daemon.said('Admin endpoint listening.');
  const port = /"port":(\d+)/.exec(daemon.stderr())?.[1];
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.text() };
}

it('a daemon waits while a command holds the state, says which, and starts when it is free', async () => {
  const command = await startCommand();
  const daemon = start('run');
  await daemon.said(WAITING);

  const held = `in use by process ${command.child.pid} on host `;
  expect(daemon.stderr()).toContain(held);
  expect(daemon.stderr()).toMatch(/\(penstock once\), since \d{4}-/);
  expect(await ask(daemon, '/livez')).toEqual({ status: 200, body: '{"status":"alive","reasons":[]}\n' });
  const ready = await ask(daemon, '/readyz');
  expect(ready.status).toBe(503);
  expect(JSON.parse(ready.body)).toMatchObject({
    status: 'not ready',
    reasons: [{ subject: 'state', reason: 'state-unavailable' }],
  });
  expect(ready.body).toContain(held);
  expect((await ask(daemon, '/metrics')).status).toBe(503);

  receiver.answer = () => ACCEPTED;
  command.child.kill('SIGKILL');
  await daemon.said('"message":"Started."');
  await receiver.until(40);
  expect((await ask(daemon, '/livez')).status).toBe(200);
  expect((await ask(daemon, '/metrics')).status).toBe(200);
  daemon.child.kill('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
});

it('a stop ends a daemon that waits for the state, with exit 0', async () => {
  await startCommand();
  const daemon = start('run');
  await daemon.said(WAITING);

  daemon.child.kill('SIGTERM');

  const { code, stderr } = await daemon.ended;
  expect(code, stderr).toBe(0);
});

it('the second of two daemons is refused, also when both waited for the state', async () => {
  const command = await startCommand();
  const daemons = [start('run'), start('run')];
  for (const daemon of daemons) await daemon.said(WAITING);

  command.child.kill('SIGTERM');
  const { code, stderr } = await Promise.race(daemons.map(({ ended }) => ended));
  expect(code, stderr).toBe(5);
  expect(stderr).toMatch(/in use by process \d+ on host .+ \(penstock run\), since/);

  const third = await runCli(['run', '-c', space.config]);
  expect(third.code).toBe(5);
  expect(third.stderr).not.toContain(WAITING);
});
