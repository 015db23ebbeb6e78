import { describe, expect, it } from 'vitest';
import { type Ended, runCli, type Running, startCli, workspace } from '../support/cli.ts';
import { arrivedTuple, distinct, multiset, tupleOf } from '../support/truth.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openJournalReadOnly } from '../../src/journal/sqlite/open.ts';
import { type Receiver, refusing, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-jobs-test';
const HOUR = 3_600_000;
const ROWS = 3_000;
const SPAN = ['--from', '30h', '--to', '20h'];

/** A console with rows of 29 to 21 hours ago, which no live poll reads, and 50 of the last minutes, which the first does. */
async function openWorld() {
  await using opened = new AsyncDisposableStack();
  const now = Date.now();
  const random = seeded(9);
  const rows = [
    ...loginAttempts({ random, count: ROWS, from: now - 29 * HOUR, to: now - 21 * HOUR }),
    ...loginAttempts({ random, count: 50, from: now - 600_000, to: now - 60_000 }),
  ];
  const console = opened.use(await startConsole({ clock: systemClock, token: TOKEN, rows }));
  const receiver = opened.use(await startReceiver({ clock: systemClock }));
  const space = opened.use(await workspace((path) => configuration(path, console.url, receiver.url)));
  const resources = opened.move();
  const flags = ['-c', space.config];
  return {
    console,
    receiver,
    start: (...args: string[]): Running => startCli([...args, ...flags]),
    run: (...args: string[]): Promise<Ended> => runCli([...args, ...flags]),
    view: () => openJournalReadOnly(`${space.path}/state`),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function configuration(path: string, consoleUrl: string, receiverUrl: string): string {
  return `
state: { path: ${path}/state }
destinations: { siem: { endpoint: ${receiverUrl} } }
sources:
  console:
    type: qradar-login-attempts
    base_url: ${consoleUrl}
    token: ${TOKEN}
    schedule: every 1s
    settle: 0s
    page_size: 100
    initial_lookback: 1h
    resolve_users: false
log: { level: warn }
`;
}

/** Ends a daemon in order. */
async function stop({ child, ended }: Running): Promise<void> {
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);
}

function lastLine({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>;
}

/** Each row arrived once, apart from repeats that are byte for byte the same. */
function expectTruth(console: SimulatedConsole, receiver: Receiver): void {
  expect(multiset(distinct(receiver.ids()).map(arrivedTuple))).toEqual(
    multiset((console.rows as LoginAttempt[]).map(tupleOf)),
  );
}

/** Resolves when so many parts of the past were asked for. */
function parts(console: SimulatedConsole, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  console.onRequest = ({ query }) => {
    const [, from] = /attempt_time >= (\d+)/.exec(query.get('filter') ?? '') ?? [];
    if (from !== undefined && Number(from) < Date.now() - 15 * HOUR) seen += 1;
    if (seen >= count) resolve();
    return undefined;
  };
  return promise;
}

describe('backfill beside a daemon', () => {
  it('a backfill beside a daemon is done by the daemon, which keeps polling; a second one sends nothing', async () => {
    await using world = await openWorld();
    const daemon = world.start('run');
    await world.receiver.until(50);

    const first = await world.run('backfill', 'console', ...SPAN);
    const second = await world.run('backfill', 'console', ...SPAN);
    await stop(daemon);

    expect(first.code, first.stderr).toBe(0);
    expect(lastLine(first)).toMatchObject({ kind: 'backfill', state: 'finished', code: 0, events: ROWS });
    expect(lastLine(second)).toMatchObject({ state: 'finished', code: 0, events: 0 });
    expectTruth(world.console, world.receiver);
    expect(world.receiver.received()).toHaveLength(ROWS + 50);
  });

  it('a backfill continues in the daemon when the command is interrupted', async () => {
    await using world = await openWorld();
    const daemon = world.start('run');
    await world.receiver.until(50);
    const begun = parts(world.console, 3);
    const command = world.start('backfill', 'console', ...SPAN);
    await begun;

    command.child.kill('SIGINT');
    const { code, stderr } = await command.ended;
    await world.receiver.until(ROWS + 50);
    await stop(daemon);

    expect(code).toBe(3);
    expect(stderr).toContain('The daemon continues it');
    expectTruth(world.console, world.receiver);
  });

  it('a backfill survives a kill of the daemon, and the command follows it into the next daemon', async () => {
    await using world = await openWorld();
    const daemon = world.start('run');
    await world.receiver.until(50);
    const begun = parts(world.console, 5);
    const command = world.start('backfill', 'console', ...SPAN);
    await begun;
    daemon.child.kill('SIGKILL');
    await daemon.ended;

    const next = world.start('run');
    const ended = await command.ended;
    await stop(next);

    expect(ended.code, ended.stderr).toBe(0);
    expectTruth(world.console, world.receiver);
  });
});

describe('other jobs beside a daemon', () => {
  it('beside a daemon replay sends again, retry delivers dead letters, rewind reads again', async () => {
    await using world = await openWorld();
    let refused = '';
    world.receiver.answer = (request) => {
      refused ||= request.records[7]?.uid ?? '';
      return refusing(({ uid }) => uid === refused)(request);
    };
    const daemon = world.start('run');
    await world.receiver.until(49);
    world.receiver.answer = () => ({ status: 200 });

    const replay = await world.run('replay', '--destination', 'siem', '--from', '1h');
    const retry = await world.run('dead-letters', 'retry');
    const rewind = await world.run('state', 'rewind', 'console', '--to', '25h');
    await world.receiver.until((records) => new Set(records.map(({ uid }) => uid)).size > 1_000);
    await stop(daemon);

    expect([replay.code, retry.code, rewind.code], replay.stderr + retry.stderr + rewind.stderr).toEqual([
      0, 0, 0,
    ]);
    expect(lastLine(replay)).toMatchObject({ kind: 'replay', code: 0, events: 50 });
    expect(lastLine(retry)).toMatchObject({ kind: 'retry', code: 0, events: 1 });
    expect(lastLine(rewind)).toMatchObject({ source: 'console', cursor: expect.any(Object) as object });
    expect(world.receiver.ids().get(refused)?.length).toBeGreaterThan(0);
    await using view = await world.view();
    expect(await view.deadLetters.of()).toEqual([]);
  });
});

describe('backfill without a daemon', () => {
  it('a backfill without a daemon that is killed continues when the same command runs again', async () => {
    await using world = await openWorld();
    const begun = parts(world.console, 5);
    const command = world.start('backfill', 'console', ...SPAN);
    await begun;
    command.child.kill('SIGKILL');
    await command.ended;

    const { code, stderr } = await world.run('backfill', 'console', ...SPAN);

    expect(code, stderr).toBe(0);
    await world.run('once');
    expectTruth(world.console, world.receiver);
  });
});
