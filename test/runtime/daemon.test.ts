import { afterEach, beforeEach, expect, it } from 'vitest';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { openLab, type Lab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const TOKEN = 'token-of-the-daemon-test';
const MINUTE = 60_000;

let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;

beforeEach(async () => {
  clock = new DrivenClock();
  const now = clock.now();
  const rows = loginAttempts({
    random: seeded(7),
    count: 20,
    from: now - 60 * MINUTE,
    to: now - 10 * MINUTE,
  });
  console = await startConsole({ clock, token: TOKEN, rows });
  receiver = await startReceiver({ clock });
  const block = { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 5m' };
  lab = await openLab({
    clock,
    config: { destinations: { siem: { endpoint: receiver.url } }, sources: { console: block } },
  });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

interface Line {
  readonly message: string;
  readonly 'log.level': string;
  readonly penstock?: Readonly<Record<string, unknown>>;
  readonly error?: Readonly<Record<string, unknown>>;
}

function lines(message: string): readonly Line[] {
  return lab.log.map((line) => JSON.parse(line) as Line).filter((line) => line.message.startsWith(message));
}

it('the log has an hourly summary of collected, delivered and rejected events, gaps and backlog', async () => {
  await lab.open();
  lab.start();

  await lab.advance(125 * MINUTE);
  await lab.stop();

  expect(lines('Hourly summary.')).toMatchObject([
    {
      'log.level': 'info',
      penstock: { collected: 20, delivered: 20, rejected: 0, gaps: 0, backlog: 0 },
    },
    { penstock: { collected: 0, delivered: 0, rejected: 0, gaps: 0, backlog: 0 } },
  ]);
});

it('a failing source logs each retry, the failed poll and its recovery', async () => {
  await lab.open();
  await console.away();
  lab.start();

  await lab.advance(6 * MINUTE);
  await console.back();
  await lab.advance(10 * MINUTE);
  await lab.stop();

  const retries = lines('Request failed; retrying.').map(({ penstock }) => penstock);
  expect(retries[0]).toMatchObject({ source: 'console', retry: 1, retries: 5 });
  expect(retries[1]).toMatchObject({ retry: 2, retry_after_ms: expect.any(Number) as number });
  expect(lines('Poll failed').length).toBeGreaterThan(0);
  expect(lines('Source recovered.')).toMatchObject([
    { 'log.level': 'info', penstock: { source: 'console' } },
  ]);
  expect(lab.log.join('')).not.toMatch(/ECONNREFUSED|stack_trace/);
});

it('an unavailable destination logs its outage and its recovery', async () => {
  await lab.open();
  await receiver.away();
  lab.start();

  await lab.advance(6 * MINUTE);
  await receiver.back();
  await lab.advance(10 * MINUTE);
  await lab.stop();

  expect(lines('Destination unavailable; events are queued.')[0]).toMatchObject({
    'log.level': 'warn',
    penstock: { destination: 'siem', retry_after_ms: expect.any(Number) as number },
    error: { message: expect.stringContaining('was refused') as string },
  });
  expect(lines('Destination recovered.')).toMatchObject([{ penstock: { destination: 'siem' } }]);
});
