import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { command } from '../cli/support/command.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { runCli, startCli } from '../support/cli.ts';
import { flatten } from '../support/truth.ts';

const BROKEN = new URL('../cli/support/broken-pipeline.ts', import.meta.url).pathname;

/** The demo with another pipeline. */
function demoOf(...program: readonly string[]) {
  return command(['demo'], { program: [process.execPath, ...program] });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

describe('the demo', () => {
  it.each([{ flags: [] }, { flags: ['--once'] }, { flags: ['--json'] }])(
    'prints ten ECS events and the proof as JSON, and ends, with $flags',
    async ({ flags }) => {
      const { code, stdout, stderr } = await runCli(['demo', ...flags]);

      expect(code, stderr).toBe(0);
      const lines = stdout.trim().split('\n');
      expect(lines.pop()).toMatch(/^\{"lost":0,"duplicates":0,"repeats":([1-9]\d*),"identical":\1\}$/);
      // The id is the record's, not the document's: ECS does not know it.
      const events = lines.map((line) => {
        const { 'log.record.uid': _, ...event } = flatten(JSON.parse(line));
        return event;
      });
      expect(events).toHaveLength(10);
      expect([...new Set(events.map((event) => event['event.dataset']))].toSorted()).toEqual([
        'botbye.declined_requests',
        'jsa.login_attempts',
        'petra.failed_attacks',
        'petra.incidents',
        'qradar.login_attempts',
      ]);
      expect(events.flatMap((event) => ecsProblems(event))).toEqual([]);
    },
  );

  it('holds with the pipeline of these tests, as long as that breaks nothing', async () => {
    const { code, stdout, stderr } = await demoOf(BROKEN, 'nothing');

    expect(code, stdout + stderr).toBe(0);
    expect(lastLine(stdout)).toMatch(/^\{"lost":0,"duplicates":0,/);
  });

  it.each([
    { way: 'loses', says: /^\{"lost":[1-9]\d*,"duplicates":0,/ },
    { way: 'doubles', says: /^\{"lost":0,"duplicates":[1-9]\d*,/ },
    { way: 'alters', says: /^\{"lost":0,"duplicates":0,"repeats":[1-9]\d*,"identical":0\}$/ },
  ])('exits 1 and says so when its pipeline $way', async ({ way, says }) => {
    const { code, stdout, stderr } = await demoOf(BROKEN, way);

    expect(lastLine(stdout), stderr).toMatch(says);
    expect(stderr).toContain('The promise was broken.');
    expect(code).toBe(1);
  });

  it('exits 1 when its pipeline ends before it has done anything', async () => {
    const { code, stdout } = await demoOf('--eval', '');

    expect(stdout).toMatch(/^\{"lost":[1-9]\d*,"duplicates":0,"repeats":0,"identical":0\}\n$/);
    expect(code).toBe(1);
  });

  it('goes on with --follow until it is interrupted, and shows what is new', async () => {
    const { child, ended } = startCli(['demo', '--follow']);
    let shown = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      const [, later = ''] = shown.split(/^\{"lost":0.*\n/m);
      if (later.includes('"dataset"')) child.kill('SIGINT');
    });

    const { code, stderr } = await ended;

    expect(code, stderr).toBe(0);
    expect(stderr).toContain('The promise holds');
  });

  it('ends with its pipeline when it is interrupted in the middle', async () => {
    const running = startCli(['demo']);
    await running.said('Restarted');
    running.child.kill('SIGINT');

    const { code, stderr } = await running.ended;

    expect(code).toBe(3);
    expect(stderr).toContain('Stopped before it was done.');
    const [, pid] = /Restarted .* process (\d+)/.exec(stderr) ?? [];
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
  });
});
