import { execFile } from 'node:child_process';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Ended, runCli, workspace } from '../support/cli.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { drawTenants } from '../../src/simulators/petra-organisation.ts';
import { type Petra, startPetra } from '../../src/simulators/petra.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKENS = { console: 'token-of-the-console', petra: 'token-of-petra', siem: 'token-of-the-siem' };
const HOUR = 3_600_000;
const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;

let console: SimulatedConsole;
let petra: Petra;
let receiver: Receiver;
let space: Awaited<ReturnType<typeof workspace>>;

beforeAll(async () => {
  const random = seeded(3);
  const now = Date.now();
  const rows = loginAttempts({ random, count: 12, from: now - HOUR, to: now - 120_000 });
  console = await startConsole({ clock: systemClock, token: TOKENS.console, rows });
  petra = await startPetra({
    clock: systemClock,
    random,
    token: TOKENS.petra,
    tenants: drawTenants(random, 3),
  });
  receiver = await startReceiver({ clock: systemClock });
  space = await workspace((path) => configuration(`${path}/state`));
});

afterAll(async () => {
  for (const opened of [console, petra, receiver, space]) await opened[Symbol.asyncDispose]();
});

function configuration(state: string, { consoleToken = TOKENS.console } = {}): string {
  return stringify({
    state: { path: state },
    destinations: { siem: { endpoint: receiver.url, headers: { authorization: `Bearer ${TOKENS.siem}` } } },
    sources: {
      console: { type: 'qradar-login-attempts', base_url: console.url, token: consoleToken },
      attacks: { type: 'petra-failed-attacks', base_url: petra.url, token: TOKENS.petra },
    },
    log: { level: 'warn' },
  });
}

/** What differs from run to run: times, ports, ids, places on this machine. */
function masked({ code, stdout, stderr }: Ended): string {
  return `exit ${code}\n${stdout}${stderr === '' ? '' : `--- stderr\n${stderr}`}`
    .replaceAll(space.path, '<path>')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:<port>')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replaceAll(/\b1[789]\d{11}(\.\d+)?\b/g, '<ms>')
    .replaceAll(/\b[0-9a-f]{40}\b/g, '<id>')
    .replaceAll(/"duration_ms":[\d.]+/g, '"duration_ms":<n>')
    .replaceAll(/"ahead":-?\d+/g, '"ahead":<n>')
    .replaceAll(/"bytes":\d+/g, '"bytes":<n>');
}

async function expectGolden(name: string, args: readonly string[]): Promise<void> {
  const ended = await runCli([...args, '-c', space.config], { cwd: space.path });
  for (const token of Object.values(TOKENS)) expect(ended.stdout + ended.stderr).not.toContain(token);
  await expect(masked(ended)).toMatchFileSnapshot(`golden/${name}.txt`);
}

describe('the commands of an operator, as they print for machines', () => {
  it('before the first poll', async () => {
    await expectGolden('check', ['check']);
    await expectGolden('check-offline', ['check', '--offline']);
    await expectGolden('preview', ['preview', 'console', '--limit', '1']);
    await expectGolden('preview-profile', ['preview', 'console', '--limit', '1', '--profile', 'elastic-ecs']);
    await expectGolden('gaps-never-asked', ['gaps', 'console', '--from', '2026-03-01', '--to', '2026-03-02']);
    await expectGolden('state-list-empty', ['state', 'list']);
    await expectGolden('status-empty', ['status']);
  });

  it('after it', async () => {
    const { code } = await runCli(['once', '--source', 'console', '-c', space.config]);
    expect(code).toBe(0);

    await expectGolden('preview-nothing', ['preview', 'console']);
    await expectGolden('gaps', ['gaps', 'console', '--from', '2h', '--to', '5m']);
    await expectGolden('state-list', ['state', 'list']);
    await expectGolden('status', ['status']);
    await expectGolden('state-show', ['state', 'show', 'console']);
    await expectGolden('state-rewind', ['state', 'rewind', 'console', '--to', '6h']);
    await expectGolden('state-reset-without-terminal', ['state', 'reset', 'console']);
    await expectGolden('dead-letters', ['dead-letters', 'list']);
  });

  it('when something is wrong', async () => {
    await writeFile(space.config, configuration(`${space.path}/state`, { consoleToken: 'not-the-token' }));
    await expectGolden('check-refused', ['check']);
    await expectGolden('preview-refused', ['preview', 'console']);
    await expectGolden('unknown-source', ['gaps', 'consol']);
    await expectGolden('unknown-flag', ['check', '--ofline']);
    await writeFile(space.config, configuration(`${space.path}/state`));
  });
});

describe('the commands of docs/operate.md', () => {
  it('work as they are written', async () => {
    await rm(`${space.path}/state`, { recursive: true, force: true });
    await symlink(MAIN, `${space.path}/penstock`);
    const page = await readFile(new URL('../../docs/operate.md', import.meta.url), 'utf8');
    const [, chapter = ''] = page.split('\n## Commands\n');
    const [own = ''] = chapter.split('\n## ');
    const lines = [...own.matchAll(/^ {4}(penstock (?:check|preview|once|gaps|state|dead-letters)\b.*)$/gm)];
    expect(lines.length).toBeGreaterThan(10);

    for (const [, line = ''] of lines) {
      // The last one is for another machine, whose state is its own.
      if (line.includes('state import'))
        await writeFile(space.config, configuration(`${space.path}/elsewhere`));
      const { code, stderr } = await shell(line.replace('penstock once', 'penstock once --source console'));

      expect(code, `${line}\n${stderr}`).toBe(0);
    }
  });
});

/** Runs a line in a shell that finds `penstock`, with the configuration in the working directory. */
async function shell(line: string): Promise<{ code: number; stderr: string }> {
  const env = { PATH: `${space.path}:${process.execPath.replace(/\/node$/, '')}:/usr/bin:/bin` };
  try {
    const { stderr } = await promisify(execFile)('/bin/sh', ['-c', line], { cwd: space.path, env });
    return { code: 0, stderr };
  } catch (error) {
    const { code = 1, stderr = '' } = error as { code?: number; stderr?: string };
    return { code, stderr };
  }
}
