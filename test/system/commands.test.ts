import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { runCli, startCli, workspace } from '../support/cli.ts';

const TOKEN = 'token-of-the-command-test';
const HOUR = 3_600_000;

function rowsOfLastHour(count: number) {
  const now = Date.now();
  return loginAttempts({ random: seeded(5), count, from: now - HOUR, to: now - 60_000 });
}

function configuration(path: string, consoleUrl: string, receiverUrl: string): string {
  return `
state: { path: ${path}/state }
destinations: { siem: { endpoint: ${receiverUrl}, headers: { authorization: Bearer ${TOKEN}-of-siem } } }
sources:
  console: { type: qradar-login-attempts, base_url: ${consoleUrl}, token: ${TOKEN}, schedule: every 1s, settle: 0s }
`;
}

describe('an output that is longer than a pipe holds', () => {
  it('an output that is longer than a pipe holds is read completely', async () => {
    const { code, stdout } = await runCli(['schema'], { under: ['sh', '-c', '"$@" | cat', 'sh'] });

    expect(code).toBe(0);
    expect(stdout.length).toBeGreaterThan(65_536);
    expect(JSON.parse(stdout)).toHaveProperty('$schema');
  });
});

describe('a configuration with five mistakes', () => {
  it('a configuration with five mistakes shows five errors with line and column, and exits 2', async () => {
    await using space = await workspace(`state:
  path: ./state
  max_bytes: 1MiB
destinations:
  siem: { endpoint: not-a-url }
sources:
  console:
    type: qradar-login-attempt
    base_url: https://qradar.example.com
  other:
    type: jsa-login-attempts
    base_url: https://jsa.example.com
    token: \${PENSTOCK_TEST_UNSET}
    schedule: every now and then
`);

    const { code, stdout, stderr } = await runCli(['once', '-c', space.config]);

    expect(code).toBe(2);
    expect(stdout).toBe('');
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).toMatch(/penstock\.yaml:\d+:\d+ [\w.]+: \w+/);
    expect(lines.join('\n')).toContain('qradar-login-attempts');
  });
});

describe('usage', () => {
  it.each([
    { args: ['onec'], says: /once/ },
    { args: ['once', '--dead-line', '4m'], says: /--deadline/ },
    { args: ['once', '--deadline', 'soon'], says: /30s/ },
    { args: ['once', '-c', '/nowhere/penstock.yaml'], says: /\/nowhere\/penstock\.yaml/ },
  ])('the command line $args is an error that says what to do', async ({ args, says }) => {
    const { code, stderr } = await runCli(args);

    expect(code).toBe(2);
    expect(stderr).toMatch(says);
  });

  it('every command has help with examples', async () => {
    const { code, stdout } = await runCli(['--help']);
    expect(code).toBe(0);
    const commands = [...stdout.matchAll(/^ {2}([a-z][a-z-]*) /gm)]
      .map(([, name]) => name ?? '')
      .filter((name) => name !== '');

    for (const command of commands) {
      const help = await runCli([command, '--help']);
      expect(help.code, command).toBe(0);
      expect(help.stdout, command).toMatch(/Examples:\n {2}penstock /);
    }
    expect(commands).toEqual(expect.arrayContaining(['run', 'once', 'sources', 'schema', 'demo']));
  });
});

describe('run', () => {
  it('run delivers, ends within ten seconds of SIGTERM with 0, and prints no secret', async () => {
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows: rowsOfLastHour(500) });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));
    const { child, ended } = startCli(['run', '-c', space.config]);
    await receiver.until(500);
    const stopped = Date.now();

    child.kill('SIGTERM');
    const { code, stdout, stderr } = await ended;

    expect(code, stderr).toBe(0);
    expect(Date.now() - stopped).toBeLessThan(10_000);
    expect(stdout + stderr).not.toContain(TOKEN);
  });

  it('run ends in time although a receiver hangs, and the next start delivers the backlog', async () => {
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows: rowsOfLastHour(200) });
    await using receiver = await startReceiver({
      clock: systemClock,
      answer: () => ({ status: 200, fault: 'hang', take: () => false }),
    });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));
    const { child, ended } = startCli(['run', '-c', space.config]);
    await receiver.asked(1);
    const stopped = Date.now();

    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    const took = Date.now() - stopped;
    receiver.answer = () => ({ status: 200 });
    const next = await runCli(['once', '-c', space.config]);

    expect(code, stderr).toBe(0);
    expect(took).toBeLessThan(10_000);
    expect(next.code, next.stderr).toBe(0);
    expect(receiver.ids().size).toBe(200);
  });

  it('run keeps a second process out of its state, which says who holds it; after a kill the lock is free', async () => {
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows: rowsOfLastHour(50) });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));
    const { child, ended } = startCli(['run', '-c', space.config]);
    await receiver.until(50);

    const second = await runCli(['once', '-c', space.config]);
    child.kill('SIGKILL');
    await ended;
    const third = await runCli(['once', '-c', space.config]);

    expect(second.code).toBe(5);
    expect(second.stderr).toContain(String(child.pid));
    expect(third.code, third.stderr).toBe(0);
  });
});

describe('once', () => {
  it('once exits 4 when a receiver rejects the credential, 0 when that is fixed, and sends nothing twice', async () => {
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows: rowsOfLastHour(300) });
    await using receiver = await startReceiver({ clock: systemClock, answer: () => ({ status: 401 }) });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));

    const refused = await runCli(['once', '-c', space.config]);
    receiver.answer = () => ({ status: 200 });
    const fixed = await runCli(['once', '-c', space.config]);

    expect(refused.code).toBe(4);
    expect(refused.stderr).not.toContain(TOKEN);
    expect(fixed.code, fixed.stderr).toBe(0);
    expect(receiver.received()).toHaveLength(300);
  });

  it('once exits 3 when a source is refused, and keeps its cursor', async () => {
    await using console = await startConsole({
      clock: systemClock,
      token: 'another token',
      rows: rowsOfLastHour(10),
    });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));

    const { code, stderr } = await runCli(['once', '-c', space.config]);

    expect(code).toBe(3);
    expect(stderr).toMatch(/401/);
    expect(stderr).not.toContain(TOKEN);
  });

  it('once exits 5 when the state has lost its database, and says what to do', async () => {
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows: rowsOfLastHour(10) });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));
    await runCli(['once', '-c', space.config]);
    await rm(join(space.path, 'state', 'penstock.db'));

    const { code, stderr } = await runCli(['once', '-c', space.config]);

    expect(code).toBe(5);
    expect(stderr).toContain(join(space.path, 'state'));
  });

  it('once refuses a state that was made for another console', async () => {
    await using console = await startConsole({ clock: systemClock, token: TOKEN, rows: rowsOfLastHour(10) });
    await using other = await startConsole({ clock: systemClock, token: TOKEN });
    await using receiver = await startReceiver({ clock: systemClock });
    await using space = await workspace((path) => configuration(path, console.url, receiver.url));
    await runCli(['once', '-c', space.config]);
    await using moved = await workspace(() => configuration(space.path, other.url, receiver.url));

    const { code, stderr } = await runCli(['once', '-c', moved.config]);

    expect(code).toBe(5);
    expect(stderr).toContain('console');
    expect(other.requests).toHaveLength(0);
  });
});

describe('a reader that goes away', () => {
  it('the demo ends without an error when its reader closes the pipe', async () => {
    const { child, ended } = startCli(['demo']);
    await once(child.stdout ?? child, 'data');

    child.stdout?.destroy();

    const { stderr } = await ended.catch(() => ({ stderr: '' }));
    expect(stderr).not.toContain('bug in Penstock');
  });
});
