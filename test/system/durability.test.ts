import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, workspace } from '../support/cli.ts';

const TOKEN = 'token-of-the-durability-test';
const HOUR = 3_600_000;

const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (!hasStrace && process.env['CI'] === 'true') throw new Error('strace is missing: apt-get install strace');

/** What the system calls say, in order. */
type Act = 'ask' | 'send' | 'write' | 'sync';

const PATTERNS: readonly (readonly [RegExp, Act])[] = [
  [/^writev?\(.*GET \/api\/access\/login_attempts/, 'ask'],
  [/^writev?\(.*POST \/v1\/logs/, 'send'],
  [/^pwrite64\(\d+<[^>]*penstock\.db-wal>/, 'write'],
  [/^f(data)?sync\(\d+<[^>]*penstock\.db-wal>/, 'sync'],
];

/**
 * Reads a trace: requests by their first line, writes and syncs of the database's write-ahead log. All of them are
 * calls of the main thread, which comes first, so the order of its lines is the order of its acts.
 */
function acts(trace: string): Act[] {
  const lines = trace.split('\n').map((line) => /^(?<thread>\d+)\s+(?<call>.*)$/.exec(line)?.groups);
  const main = lines[0]?.['thread'];
  return lines
    .filter((line) => line?.['thread'] === main)
    .flatMap((line) => PATTERNS.find(([pattern]) => pattern.test(line?.['call'] ?? ''))?.[1] ?? []);
}

/** Requests that were made while something written to the log was not yet synced. */
function hasty(order: readonly Act[]): Act[] {
  let unsynced = false;
  return order.filter((act) => {
    if (act === 'write') unsynced = true;
    if (act === 'sync') unsynced = false;
    return unsynced && (act === 'ask' || act === 'send');
  });
}

describe.skipIf(!hasStrace)('under strace', () => {
  it('each commit is synced before the request that relies on it', async () => {
    const now = Date.now();
    const rows = loginAttempts({ random: seeded(3), count: 3_000, from: now - HOUR, to: now - 60_000 });
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace(
      (path) => `
state: { path: ${path}/state }
destinations: { siem: { endpoint: ${receiver.url}, max_request_bytes: 200000 } }
sources:
  console: { type: qradar-login-attempts, base_url: ${console.url}, token: ${TOKEN}, page_size: 250, settle: 0s, initial_lookback: 2h, quota: { requests: 1000, per: 1m } }
`,
    );
    const trace = join(space.path, 'trace');
    const calls = 'trace=write,writev,sendto,pwrite64,fsync,fdatasync';
    const under = ['strace', '-f', '-y', '-s', '64', '-e', calls, '-e', 'signal=none', '-o', trace];

    const { code, stderr } = await runCli(['once', '-c', space.config], { under });

    expect(code, stderr).toBe(0);
    const order = acts(await readFile(trace, 'utf8'));
    const count = (wanted: Act) => order.filter((act) => act === wanted).length;
    expect(receiver.ids().size).toBe(rows.length);
    // Twelve pages and more requests than one: a trace that shows none of them would prove nothing.
    expect(count('ask')).toBeGreaterThanOrEqual(12);
    expect(count('send')).toBeGreaterThanOrEqual(5);
    // Each request is spent, each page and each position is committed: all of them are synced.
    expect(count('sync')).toBeGreaterThanOrEqual(count('ask') * 2 + count('send'));
    expect(hasty(order)).toEqual([]);
  });
});
