import { writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Lab, openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { fillJournal } from '../support/fill-journal.ts';
import { readiness } from '../../src/observe/health.ts';
import { startBotBye } from '../../src/simulators/botbye.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { drawTenants } from '../../src/simulators/petra-organisation.ts';
import { startPetra } from '../../src/simulators/petra.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { throttled } from '../../src/simulators/server.ts';
import { takeSnapshot } from '../../src/observe/snapshot.ts';

const TOKEN = 'token-of-the-health-test';
const MINUTE = 60_000;

const random = seeded(11);
let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;

beforeEach(async () => {
  clock = new DrivenClock();
  const now = clock.now();
  const rows = loginAttempts({ random, count: 20, from: now - 60 * MINUTE, to: now - 2 * MINUTE });
  console = await startConsole({ clock, token: TOKEN, rows });
  receiver = await startReceiver({ clock });
  lab = await openLab({ clock, config: configuration(), state: { max_bytes: '8MiB', retain: '0s' } });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

function consoleAt(url: string) {
  return { type: 'qradar-login-attempts', base_url: url, token: TOKEN, schedule: 'every 1m' };
}

function configuration() {
  // Compressing takes real time, in which a driven clock would run on.
  return {
    destinations: { siem: { endpoint: receiver.url, compression: 'none' } },
    sources: { console: consoleAt(console.url) },
  };
}

/** Other sources, from the next life on. */
async function configure(sources: Readonly<Record<string, unknown>>): Promise<void> {
  const state = { path: `${lab.directory}/state` };
  await writeFile(`${lab.directory}/penstock.yaml`, stringify({ ...configuration(), state, sources }));
}

async function health(allowances: Readonly<Record<string, number>> = {}) {
  const { ready, reasons } = readiness(await takeSnapshot(lab.app), allowances);
  return { ready, reasons: reasons.map(({ subject, reason }) => `${subject}: ${reason}`) };
}

/** Lets time pass until it is so; what is compressed or written meanwhile takes no time of the driven clock. */
async function expectSoon(expected: Awaited<ReturnType<typeof health>>): Promise<void> {
  for (let minutes = 0; minutes < 60 && !isDeepStrictEqual(await health(), expected); minutes += 1)
    await lab.advance(MINUTE);
  expect(await health()).toEqual(expected);
}

const READY = { ready: true, reasons: [] };

function signIn(): void {
  console.add([loginAttempt(random, clock.now() - 2 * MINUTE, console.users)]);
}

async function startReady(): Promise<void> {
  await lab.open();
  lab.start();
  await lab.advance(1_000);
}

it('a start is ready after the first complete poll, and not before', async () => {
  await lab.open();

  const before = await health();
  lab.start();
  await lab.advance(1_000);

  expect(before).toEqual({ ready: false, reasons: ['source console: stale'] });
  expect(await health()).toEqual(READY);
});

it('a start on a state with a recent poll is ready at once', async () => {
  await startReady();
  await lab.stop();

  await lab.open();

  expect(await health()).toEqual(READY);
});

it('a start with an empty feed is ready', async () => {
  await using empty = await startConsole({ clock, token: TOKEN, rows: [] });
  await configure({ console: consoleAt(empty.url) });

  await startReady();
  await lab.advance(10 * MINUTE);

  expect(receiver.received()).toEqual([]);
  expect(await health()).toEqual(READY);
});

it('a source is stale when no complete poll ended for three intervals, until one does', async () => {
  await startReady();
  console.onRequest = () => ({ status: 503 });

  await lab.advance(2 * MINUTE);
  const soon = await health();
  await lab.advance(3 * MINUTE);
  const later = await health();
  console.onRequest = undefined;
  await lab.advance(2 * MINUTE);

  expect(soon).toEqual(READY);
  expect(later).toEqual({ ready: false, reasons: ['source console: stale'] });
  expect(await health()).toEqual(READY);
});

it('a source is unauthorised from a 401 until the credential is accepted again', async () => {
  await startReady();
  console.onRequest = () => ({ status: 401 });

  await lab.advance(2 * MINUTE);
  const refused = await health();
  console.onRequest = undefined;
  await lab.advance(62 * MINUTE);

  expect(refused).toEqual({ ready: false, reasons: ['source console: unauthorised'] });
  expect(await health()).toEqual(READY);
});

it('a source is throttled until the time of a 429 has passed', async () => {
  await startReady();
  console.script.push(throttled(120));

  await lab.advance(2 * MINUTE);
  const waiting = await health();
  await lab.advance(2 * MINUTE);

  expect(waiting).toEqual({ ready: false, reasons: ['source console: throttled'] });
  expect(await health()).toEqual(READY);
});

it('a source is misconfigured when its request is rejected, until it is restarted with corrected options', async () => {
  await startReady();
  console.onRequest = () => ({
    status: 422,
    body: { code: 1005, message: 'A request parameter is not valid' },
  });

  await lab.advance(2 * MINUTE);
  const refused = await health();
  console.onRequest = undefined;
  await lab.stop();
  await startReady();

  expect(refused).toEqual({ ready: false, reasons: ['source console: misconfigured'] });
  expect(await health()).toEqual(READY);
});

it('a source has a changed schema when most of a page does not fit, until new rows fit again', async () => {
  await startReady();
  console.script.push({ status: 200, body: [{ when: 1 }, { when: 2 }] });

  await lab.advance(2 * MINUTE);
  const changed = await health();
  await lab.advance(2 * MINUTE);
  const silent = await health();
  signIn();
  await lab.advance(2 * MINUTE);

  expect(changed).toEqual({ ready: false, reasons: ['source console: schema-changed'] });
  expect(silent).toEqual(changed);
  expect(await health()).toEqual(READY);
});

it('a source that waits for its quota for hours stays ready', async () => {
  await using petra = await startPetra({ clock, random, token: TOKEN, tenants: drawTenants(random, 5) });
  const attacks = {
    type: 'petra-failed-attacks',
    base_url: petra.url,
    token: TOKEN,
    schedule: 'every 10m',
    initial_lookback: '10d',
  };
  await configure({ attacks });
  await startReady();
  await lab.advance(8 * MINUTE);

  const [owing] = (await takeSnapshot(lab.app)).sources;
  expect(owing?.deferred).toBeGreaterThan(10);
  for (let quarters = 0; quarters < 16; quarters += 1) {
    expect(await health()).toEqual(READY);
    await lab.advance(15 * MINUTE);
  }
});

it('a source is not stale for a stream that is no longer configured', async () => {
  await using botbye = await startBotBye({
    clock,
    random,
    key: TOKEN,
    accountId: 'account-1',
    projectIds: ['one', 'two'],
  });
  const declined = (projects: readonly string[]) => ({
    type: 'botbye-declined-requests',
    base_url: botbye.url,
    account_id: 'account-1',
    project_ids: projects,
    token: TOKEN,
    schedule: 'every 1m',
  });
  await configure({ declined: declined(['one', 'two']) });
  await startReady();
  await lab.stop();

  await configure({ declined: declined(['one']) });
  await startReady();
  await lab.advance(10 * MINUTE);

  const [source] = (await takeSnapshot(lab.app)).sources;
  expect(source?.streams).toHaveLength(5);
  expect(await health()).toEqual(READY);
});

it('a destination is paused from a 401 until it accepts records again', async () => {
  await startReady();
  receiver.answer = () => ({ status: 401 });
  signIn();

  await expectSoon({ ready: false, reasons: ['destination siem: destination-paused'] });
  receiver.answer = () => ACCEPTED;

  await expectSoon(READY);
});

it('a destination is unreachable when it has been away for five minutes, until it is back', async () => {
  await startReady();
  receiver.answer = () => ({ status: 503 });
  signIn();

  await lab.advance(4 * MINUTE);
  expect(await health()).toEqual(READY);
  await expectSoon({ ready: false, reasons: ['destination siem: destination-unreachable'] });
  receiver.answer = () => ACCEPTED;

  await expectSoon(READY);
});

it('the journal overflows at its cap, until what it holds is delivered', async () => {
  await startReady();
  receiver.answer = () => ({ status: 503 });
  await fill();

  await lab.advance(MINUTE);
  const full = await health();
  receiver.answer = () => ACCEPTED;

  expect(full.ready).toBe(false);
  expect(full.reasons).toContain('journal: overflowing');
  await expectSoon(READY);
});

it('allowances tolerate a reason for a while and still show it', async () => {
  await startReady();
  console.onRequest = () => ({ status: 401 });
  await lab.advance(2 * MINUTE);
  const allowances = { unauthorised: 10 * MINUTE, stale: 60 * MINUTE };

  const soon = await health(allowances);
  await lab.advance(10 * MINUTE);

  expect(soon).toEqual({ ready: true, reasons: ['source console: unauthorised'] });
  expect(await health(allowances)).toMatchObject({ ready: false });
});

/** More than the journal's cap. */
const fill = () => fillJournal(lab.app.journal, { pages: 60, events: 10, bytes: 20_000, now: clock.now() });
