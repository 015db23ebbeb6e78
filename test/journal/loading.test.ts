import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';

const OPEN = new URL('../../src/journal/open.ts', import.meta.url).href;
const CLOCK = new URL('../../src/core/clock.ts', import.meta.url).href;

/** Opens a state in a process of its own, and prints what was loaded for it. */
const PROGRAM = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  const { openJournal } = await import(process.env.OPEN);
  const { systemClock } = await import(process.env.CLOCK);
  const place = { kind: 'directory', path: process.env.STATE, allowNetworkFs: true };
  const journal = await openJournal({ place, maxBytes: 1e9, retain: 0 }, { clock: systemClock });
  await journal[Symbol.asyncDispose]();
  console.log(JSON.stringify(loaded));
`;

test('a state in a directory loads nothing of PostgreSQL', async () => {
  await using directory = await temporaryDirectory();
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    env: { ...process.env, OPEN, CLOCK, STATE: directory.path },
    encoding: 'utf8',
  });

  expect(stderr).toBe('');
  const loaded = JSON.parse(stdout) as string[];
  expect(loaded.filter((url) => url.includes('/journal/sqlite/'))).not.toEqual([]);
  expect(loaded.filter((url) => /journal\/postgres|node_modules\/pg/.test(url))).toEqual([]);
});
