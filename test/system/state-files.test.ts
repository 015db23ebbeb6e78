import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, startCli, workspace, type Running } from '../support/cli.ts';

const TOKEN = 'token-of-the-state-files-test';
const HOUR = 3_600_000;
const NOTICED_WITHIN = 10_000;

let console: SimulatedConsole;
let receiver: Receiver;
let space: Awaited<ReturnType<typeof workspace>>;
let daemons: Running[];

function rows(seed: number, from: number, to: number) {
  const now = Date.now();
  return loginAttempts({ random: seeded(seed), count: 40, from: now - from, to: now - to });
}

beforeEach(async () => {
  console = await startConsole({ clock: systemClock, token: TOKEN, rows: rows(1, HOUR, 120_000) });
  receiver = await startReceiver({ clock: systemClock });
  const type = 'qradar-login-attempts';
  const source = { type, base_url: console.url, token: TOKEN, schedule: 'every 1s', settle: '0s' };
  space = await workspace((path) =>
    stringify({
      state: { path: `${path}/state` },
      destinations: { siem: { endpoint: receiver.url } },
      sources: { console: source },
    }),
  );
  daemons = [];
});

afterEach(async () => {
  for (const { child } of daemons) child.kill('SIGKILL');
  await Promise.all(daemons.map(({ ended }) => ended));
  for (const one of [console, receiver, space]) await one[Symbol.asyncDispose]();
});

function startDaemon(): Running {
  const daemon = startCli(['run', '-c', space.config]);
  daemons.push(daemon);
  return daemon;
}

function once() {
  return runCli(['once', '-c', space.config]);
}

function file(name: string): string {
  return join(space.path, 'state', name);
}

describe('a file of the state that is removed under a daemon', () => {
  it.each(['penstock.lock', 'penstock.db-wal', 'penstock.db-shm', 'penstock.db'])(
    'ends it within ten seconds with exit 5: %s',
    async (name) => {
      const daemon = startDaemon();
      await receiver.until(40);
      const removed = Date.now();
      await rm(file(name));

      const { code, stderr } = await daemon.ended;

      expect(code, stderr).toBe(5);
      expect(stderr).toContain(`${name} was removed or replaced`);
      expect(Date.now() - removed).toBeLessThan(NOTICED_WITHIN);
    },
  );

  it('lets no second daemon send anything once more', async () => {
    const first = startDaemon();
    await receiver.until(40);
    // Its answer is committed by then.
    await console.asked(console.requests.length + 2);
    await rm(file('penstock.lock'));
    startDaemon();
    expect((await first.ended).code).toBe(5);

    console.add(rows(2, 60_000, 1_000));
    await receiver.until(80);

    expect(receiver.received()).toHaveLength(receiver.ids().size);
  });
});

describe('a state that is restored from a copy', () => {
  it('is told from the one before by what is noted beside it, in a warning', async () => {
    expect((await once()).code).toBe(0);
    await copyFile(file('penstock.db'), file('copy'));
    console.add(rows(2, 60_000, 1_000));
    const before = await once();
    expect(JSON.parse(await readFile(file('penstock.last'), 'utf8'))).toMatchObject({ sequence: 2 });
    await copyFile(file('copy'), file('penstock.db'));

    const restored = await once();
    const after = await once();

    expect([before.code, restored.code, after.code]).toEqual([0, 0, 0]);
    const told = [before, restored, after].map(({ stderr }) => stderr.includes('restored from a copy'));
    expect(told).toEqual([false, true, false]);
    expect(restored.stderr).toMatch(/"last_sequence":\{"is":1,"was":2\}/);
  });

  it('is noted by run and once alone', async () => {
    expect((await runCli(['check', '-c', space.config])).code).toBe(0);
    await expect(readFile(file('penstock.last'))).rejects.toThrow('ENOENT');
    expect((await once()).code).toBe(0);
    await rm(file('penstock.last'));

    const span = ['--from', '6h', '--to', '5h'];
    expect((await runCli(['backfill', 'console', ...span, '-c', space.config])).code).toBe(0);
    expect((await runCli(['status', '-c', space.config])).code).toBe(0);
    await expect(readFile(file('penstock.last'))).rejects.toThrow('ENOENT');
  });
});
