import { readdir } from 'node:fs/promises';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';
import { flatten } from '../support/truth.ts';
import { command } from './support/command.ts';

const BROKEN = new URL('support/broken-pipeline.ts', import.meta.url).pathname;

const DATASETS = [
  'botbye.declined_requests',
  'jsa.login_attempts',
  'petra.failed_attacks',
  'petra.incidents',
  'qradar.login_attempts',
];

// Most of its time is spent waiting, for processes and for what it lets settle.
describe.concurrent('the demo', () => {
  it('proves on a terminal that nothing is lost when its pipeline is killed, and ends', async () => {
    const { code, stdout, stderr } = await command(['demo'], { tty: true });

    expect(code, stdout + stderr).toBe(0);
    expect(stderr).toBe('');
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, 3).join(' ')).toMatch(/^Penstock demo: .* SIGKILL .* compared /);
    for (const dataset of DATASETS) {
      const shown = lines.filter((line) => line.startsWith('2') && line.includes(` ${dataset} `));
      expect(shown, dataset).toHaveLength(2);
    }
    const killed = lines.findIndex((line) => /^SIGKILL to process \d+/.test(line));
    expect(killed).toBeGreaterThan(3 + 10);
    const [, first] = /process (\d+)/.exec(lines[killed] ?? '') ?? [];
    const [, second] = /Restarted .* process (\d+)/.exec(stdout) ?? [];
    expect(new Set([first, second, String(process.pid)]).size).toBe(3);
    expect(lines.slice(-3).join('\n')).toMatch(
      /^Received \d+ events: .*\n.* 0 lost, 0 duplicates, ([1-9]\d*) repeats, \1 byte-identical\.\nThe promise holds: /,
    );
  });

  it('prints every event once with --events, at most 200 lines in all, and leaves nothing behind', async () => {
    await using space = await temporaryDirectory();

    const { code, stdout, stderr } = await command(['demo', '--events', '--json'], {
      tty: true,
      env: { TMPDIR: space.path },
    });

    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^Penstock demo: .*\n.*\n.*compared/);
    const lines = stdout.trim().split('\n');
    const [, told] = /Received (\d+) events/.exec(stderr) ?? [];
    expect(lines).toHaveLength(Number(told) + 1);
    expect(lines.length).toBeLessThanOrEqual(200);
    const events = lines.slice(0, -1).map((line) => flatten(JSON.parse(line)));
    expect([...new Set(events.map((event) => event['event.dataset']))].toSorted()).toEqual(DATASETS);
    expect(new Set(events.map((event) => event['log.record.uid'])).size).toBe(events.length);
    expect(lines.at(-1)).toMatch(/^\{"lost":0,"duplicates":0,"repeats":([1-9]\d*),"identical":\1\}$/);
    expect(await readdir(space.path)).toEqual([]);
  });

  it('exits 1, and says so, when its pipeline loses an event, tells one twice and alters what it repeats', async () => {
    const { code, stdout, stderr } = await command(['demo'], {
      program: [process.execPath, BROKEN, 'doubles,loses,alters'],
    });

    expect(stdout.trim().split('\n').at(-1), stderr).toMatch(
      /^\{"lost":[1-9]\d*,"duplicates":[1-9]\d*,"repeats":[1-9]\d*,"identical":0\}$/,
    );
    expect(stderr).toContain('The promise was broken.');
    expect(code).toBe(1);
  });
});
