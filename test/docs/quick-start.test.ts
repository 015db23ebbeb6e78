import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { command } from '../cli/support/command.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const [, CHAPTER = ''] = /## The first quarter of an hour\n(.*?)\n## /s.exec(README) ?? [];

/** The command of the chapter that begins so, without what is said about it. */
function written(beginning: string): string {
  const line = CHAPTER.split('\n').find((one) => one.trim().startsWith(beginning)) ?? '';
  return line.replace(/ +#.*/, '').trim();
}

/** What follows `npm start --` in it. */
function argumentsOf(beginning: string): string[] {
  return written(beginning).replace(/ >.*/, '').split(' -- ')[1]?.split(' ') ?? [];
}

it('the README’s first quarter of an hour works with simulators, as it is written', async () => {
  const stop = new AbortController();
  await using receiver = await startReceiver({ clock: systemClock });
  await using space = await temporaryDirectory();
  execFileSync('bash', ['-c', `${written('mkdir')} && ${written('printf')}`], { cwd: space.path });
  const settings = `${space.path}/try/penstock.yaml`;
  const own = (await readFile(settings, 'utf8')).replace('http://127.0.0.1:4318', receiver.url);
  await writeFile(settings, own);
  const printed = Promise.withResolvers<string>();
  const serving = command([...argumentsOf('npm start --silent'), '--listen', '127.0.0.1:0'], {
    stop: stop.signal,
    onOutput: printed.resolve,
  });
  await writeFile(`${space.path}/try/sources.yaml`, await printed.promise);
  const env = { PENSTOCK_CONFIG: `${space.path}/try` };

  const check = await command(argumentsOf('npm start -- check'), { cwd: space.path, env });
  const once = await command(argumentsOf('npm start -- once'), { cwd: space.path, env });
  stop.abort();
  await serving;

  expect(check.code, check.stdout + check.stderr).toBe(0);
  expect(once.code, once.stderr).toBe(0);
  expect(receiver.ids().size).toBeGreaterThan(20);
  expect(CHAPTER.indexOf('npm start -- check')).toBeLessThan(CHAPTER.indexOf('npm start -- once'));
});
