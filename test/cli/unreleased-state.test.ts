import { afterAll, beforeAll, expect, it } from 'vitest';
import { tamper } from '../journal/support/states.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
let document: string;

/** A state as an earlier checkout made it: the same version number, and other tables. */
beforeAll(async () => {
  world = await openWorld();
  await world.run('once');
  document = (await world.run('state export')).stdout;
  tamper(
    `${world.path}/state/penstock.db`,
    'DROP TRIGGER page_added; DROP TRIGGER page_removed; DROP TRIGGER dead_letter_added;' +
      'DROP TRIGGER dead_letter_changed; DROP TRIGGER dead_letter_removed; DROP TABLE held',
  );
});

afterAll(() => world[Symbol.asyncDispose]());

it.each([
  'once',
  'run',
  'check',
  'preview console --limit 1',
  'status',
  'gaps',
  'dead-letters list',
  'dead-letters retry',
  'backfill console --from 2h --to 1h',
  'replay --destination siem --from 1h',
  'state list',
  'state show console',
  'state export',
  'state import -',
  'state reset console --yes',
  'state rewind console --to 1h',
])('penstock %s refuses a state of an unreleased build, and says what to do', async (line) => {
  const delivered = world.receiver.exports.length;

  const { code, stderr, stdout } = await world.run(line, { stdin: document });

  expect(code, stderr).toBe(5);
  expect(stderr).toMatch(/earlier build of Penstock that was not released.*table held is missing/);
  expect(stderr).toMatch(/deliver what it holds with the build that made it.*start with an empty directory/);
  expect(stdout + stderr).not.toContain('no such table');
  expect(world.receiver.exports).toHaveLength(delivered);
});
