import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver, type Receiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole, type SimulatedConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, startCli, workspace, type Running } from '../support/cli.ts';
import { CANNOT_MOUNT, smallDisk, type SmallDisk } from '../support/small-disk.ts';

const TOKEN = 'token-of-the-full-disk-test';
const HOUR = 3_600_000;

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace && process.env['CI'] === 'true') throw new Error('strace is missing: apt-get install strace');

let console: SimulatedConsole;
let receiver: Receiver;
let space: Awaited<ReturnType<typeof workspace>>;
let daemon: Running | undefined;

function rows(seed: number, from: number, to: number) {
  const now = Date.now();
  return loginAttempts({ random: seeded(seed), count: 200, from: now - from, to: now - to });
}

beforeEach(async () => {
  console = await startConsole({ clock: systemClock, token: TOKEN, rows: rows(1, HOUR, 120_000) });
  receiver = await startReceiver({ clock: systemClock });
});

afterEach(async () => {
  daemon?.child.kill('SIGKILL');
  await daemon?.ended;
  daemon = undefined;
  for (const one of [console, receiver, space]) await one[Symbol.asyncDispose]();
});

/** A configuration whose state is there, or in the workspace. */
async function configure(state?: string): Promise<void> {
  const type = 'qradar-login-attempts';
  const source = { type, base_url: console.url, token: TOKEN, schedule: 'every 1s', page_size: 50 };
  space = await workspace((path) =>
    stringify({
      state: { path: state ?? `${path}/state` },
      admin: { listen: '127.0.0.1:0' },
      destinations: { siem: { endpoint: receiver.url } },
      sources: { console: { ...source, settle: '0s' } },
    }),
  );
}

function penstock(...args: readonly string[]) {
  return runCli([...args, '-c', space.config]);
}

async function statusOf(path: string): Promise<number> {
  const port = /"port":(\d+)/.exec(daemon?.stderr() ?? '')?.[1];
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

describe('a disk of the state that is full', () => {
  let disk: SmallDisk;

  beforeEach(async ({ skip }) => {
    skip(CANNOT_MOUNT !== undefined, CANNOT_MOUNT);
    disk = smallDisk(32);
    await configure(`${disk.path}/state`);
  });

  afterEach(() => {
    if (CANNOT_MOUNT === undefined) disk[Symbol.dispose]();
  });

  it('is no corruption when the daemon is killed on it: all goes on when there is room', async () => {
    daemon = startCli(['run', '-c', space.config]);
    await receiver.until(200);
    disk.fill();
    console.add(rows(2, 60_000, 1_000));
    await daemon.said('The disk is full');
    daemon.child.kill('SIGKILL');
    await daemon.ended;
    const full = await penstock('status');
    await disk.free();

    const status = await penstock('status');
    const once = await penstock('once');

    expect([full.code, status.code, once.code], full.stderr + status.stderr + once.stderr).toEqual([0, 0, 0]);
    expect(receiver.ids().size).toBe(400);
  });

  it('ends no daemon, not even at a reload; readiness tells of it, and all goes on when there is room', async () => {
    daemon = startCli(['run', '-c', space.config]);
    await receiver.until(200);
    disk.fill();
    await expect.poll(() => statusOf('/readyz'), { timeout: 10_000 }).toBe(503);
    daemon.child.kill('SIGHUP');
    // It goes on at once where closing the state gave some room back, else when there is room.
    const reloaded = /Waiting for the state: it cannot be|"Started\."[^]*"Started\."/;
    await expect.poll(() => daemon?.stderr(), { timeout: 30_000 }).toMatch(reloaded);
    // What the daemon gave back as it closed the state is taken too.
    disk.fill();
    await expect.poll(() => statusOf('/readyz'), { timeout: 10_000 }).toBe(503);
    expect(await statusOf('/livez')).toBe(200);
    for (const command of ['status', 'gaps']) expect((await penstock(command)).code).toBe(0);
    await disk.free();
    await daemon.said('"message":"Started."', 2);

    console.add(rows(2, 60_000, 1_000));
    // What was taken and could not be noted before the reload may come once more, under the same id.
    await expect.poll(() => receiver.ids().size, { timeout: 60_000 }).toBe(400);

    daemon.child.kill('SIGTERM');
    const { code, stderr } = await daemon.ended;
    expect(code, stderr).toBe(0);
  });

  it.each([['once'], ['run'], ['state', 'rewind', 'console', '--to', '1h']])(
    'ends %s with exit 5 and the words, where it is so from the start',
    async (...args) => {
      expect((await penstock('once')).code).toBe(0);
      disk.fill();

      const { code, stderr } = await penstock(...args);

      expect(code, stderr).toBe(5);
      expect(stderr).toMatch(/The disk is full: .*state could not be written.* bytes are free there/);
      expect(stderr).not.toContain('bug');
    },
  );
});

describe.skipIf(CANNOT_MOUNT !== undefined)('a disk of the state that nobody may write to', () => {
  it.each([['once'], ['run']])(
    'ends %s with exit 5 and the words; status can be read, and all goes on when it may be written',
    async (command) => {
      using disk = smallDisk(32);
      await configure(`${disk.path}/state`);
      expect((await penstock('once')).code).toBe(0);
      console.add(rows(2, 60_000, 1_000));
      disk.makeReadOnly();

      const { code, stderr } = await penstock(command);
      const status = await penstock('status');
      disk.makeWritable();
      const after = await penstock('once');

      expect([code, status.code, after.code], stderr + status.stderr + after.stderr).toEqual([5, 0, 0]);
      expect(stderr).toMatch(/read-only/i);
      expect(stderr).not.toContain('bug');
      expect(receiver.ids().size).toBe(400);
    },
  );
});

describe.skipIf(!hasStrace)('a disk that begins to fail in the middle of a start', () => {
  const SAYS = {
    ENOSPC: /The disk is full: .*\/state could not be written .*free/,
    EIO: /The disk failed: .*I\/O/,
  };

  it.each([
    ['once', 'ENOSPC', 1],
    ['once', 'ENOSPC', 12],
    ['once', 'ENOSPC', 20],
    ['once', 'ENOSPC', 28],
    ['once', 'EIO', 12],
    ['once', 'EIO', 20],
    ['run', 'ENOSPC', 12],
    ['run', 'EIO', 12],
    ['check', 'ENOSPC', 1],
  ] as const)('ends %s with exit 5 and the words: %s from write %i on', async (command, error, when) => {
    await configure();
    expect((await penstock('once')).code).toBe(0);
    const inject = `inject=pwrite64,fsync:error=${error}:when=${when}+`;
    const under = ['strace', '-f', '-qq', '-e', 'trace=pwrite64,fsync', '-e', inject, '-o', '/dev/null'];

    const { code, stderr } = await runCli([command, '-c', space.config], { under });

    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(SAYS[error]);
    expect(stderr).not.toContain('bug in Penstock');
    expect((await penstock('once')).code).toBe(0);
    expect(receiver.ids().size).toBe(200);
  });
});
