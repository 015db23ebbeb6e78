import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { command } from '../cli/support/command.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = new URL('../../', import.meta.url);
const RECEIVER = 'http://127.0.0.1:4318';
const CONSOLE = 'https://qradar.example.com';
const TOKEN = 'token-of-the-quick-start';
const COUNT = 30;

/** A chapter of a document, without its title. */
function chapterOf(path: string, title: string): string {
  const [, rest = ''] = readFileSync(new URL(path, ROOT), 'utf8').split(`\n## ${title}\n`);
  return rest.split('\n## ')[0] ?? '';
}

/** The command of a chapter that begins so, without the comment behind it. */
function written(chapter: string, beginning: string): string {
  const line = chapter.split('\n').find((one) => one.trim().startsWith(beginning)) ?? '';
  return line.replace(/ +#.*/, '').trim();
}

/** What follows `npm start --` in it. */
function argumentsOf(chapter: string, beginning: string): string[] {
  return written(chapter, beginning).replace(/ >.*/, '').split(' -- ')[1]?.split(' ') ?? [];
}

it('the quick start of the README, ten lines, checks and collects as it is written', async () => {
  const chapter = chapterOf('README.md', 'Quick start');
  const lines = [...chapter.matchAll(/^ {4}(.*)$/gm)].map(([, line = '']) => line);
  const now = Date.now();
  const rows = loginAttempts({ random: seeded(1), count: COUNT, from: now - 3_600_000, to: now - 120_000 });
  await using console = await startConsole({ clock: systemClock, token: TOKEN, rows });
  await using receiver = await startReceiver({ clock: systemClock });
  await using space = await temporaryDirectory();
  const heredoc = lines.slice(0, lines.indexOf('YAML') + 1).join('\n');
  const own = heredoc.replace(RECEIVER, receiver.url).replace(CONSOLE, console.url);
  execFileSync('bash', ['-c', own], { cwd: space.path });
  const env = { QRADAR_TOKEN: TOKEN };

  const check = await command(argumentsOf(chapter, 'npm start -- check'), { cwd: space.path, env });
  const once = await command(argumentsOf(chapter, 'npm start -- once'), { cwd: space.path, env });

  expect(lines).toHaveLength(10);
  expect(check.code, check.stdout + check.stderr).toBe(0);
  expect(once.code, once.stderr).toBe(0);
  expect(receiver.ids().size).toBe(COUNT);
});

it('the commands of docs/operate.md for simulated vendors work as they are written', async () => {
  const chapter = chapterOf('docs/operate.md', 'Try it with simulated vendors');
  const stop = new AbortController();
  await using receiver = await startReceiver({ clock: systemClock });
  await using space = await temporaryDirectory();
  const files = `${written(chapter, 'mkdir')} && ${written(chapter, 'printf')}`;
  execFileSync('bash', ['-c', files], { cwd: space.path });
  const settings = `${space.path}/try/penstock.yaml`;
  const own = (await readFile(settings, 'utf8')).replace(RECEIVER, receiver.url);
  await writeFile(settings, own);
  const printed = Promise.withResolvers<string>();
  const serving = command([...argumentsOf(chapter, 'npm start --silent'), '--listen', '127.0.0.1:0'], {
    stop: stop.signal,
    onOutput: printed.resolve,
  });
  await writeFile(`${space.path}/try/sources.yaml`, await printed.promise);
  const env = { PENSTOCK_CONFIG: `${space.path}/try` };

  const check = await command(argumentsOf(chapter, 'npm start -- check'), { cwd: space.path, env });
  const once = await command(argumentsOf(chapter, 'npm start -- once'), { cwd: space.path, env });
  stop.abort();
  await serving;

  expect(check.code, check.stdout + check.stderr).toBe(0);
  expect(once.code, once.stderr).toBe(0);
  expect(receiver.ids().size).toBeGreaterThan(20);
  expect(chapter.indexOf('npm start -- check')).toBeLessThan(chapter.indexOf('npm start -- once'));
});
