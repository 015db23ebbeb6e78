import { afterEach, beforeEach, expect, test } from 'vitest';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 0 });
});

afterEach(() => world[Symbol.asyncDispose]());

/** A title, an erased screen, a C1 introducer, a direction, a line of its own. */
const HOSTILE = 'x\u001B]0;owned\u0007\u001B[2J\u009B31m\u202E\r\nERROR: forged';

/** What Penstock itself writes to a terminal: colours, and a line or a screen that is written anew. */
// oxlint-disable-next-line no-control-regex
const OWN = /\u001B\[(?:\d+(?:;\d+)*m|K|H|2J)|\r(?=\u001B\[K)/g;

function expectHarmless(text: string): void {
  expect(text.replaceAll(OWN, '').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(text).not.toMatch(/^ERROR: forged/m);
  expect(text).not.toContain('\u001B[2J\u009B');
}

test('no command lets what a vendor sends act on the terminal, and JSON stays exact', async () => {
  const attempt = loginAttempt(seeded(4), world.clock.now() - 90_000, world.console.users);
  world.console.add([{ ...attempt, remote_ip: HOSTILE }]);

  const preview = await world.run('preview console', { tty: true });
  const json = await world.run('preview console --json', { tty: true });
  await world.run('once', { tty: true });

  expect(preview.stdout).toContain(String.raw`x\u001b]0;owned`);
  expectHarmless(preview.stdout + preview.stderr);
  expectHarmless(json.stdout);
  expect((JSON.parse(json.stdout) as { source: { address: string } }).source.address).toBe(HOSTILE);
});

test('no command lets what a receiver or a refusing vendor says act on the terminal', async () => {
  const attempt = loginAttempt(seeded(4), world.clock.now() - 90_000, world.console.users);
  world.console.add([attempt]);
  world.receiver.answer = () => ({ status: 401, words: HOSTILE });
  const outputs: string[] = [];
  for (const line of ['once --deadline 3s', 'status', 'state list', 'check']) {
    // A body that names what is wrong, as QRadar's do.
    if (line === 'check')
      world.console.script.push(
        ...Array.from({ length: 9 }, () => ({ status: 422, body: JSON.stringify({ message: HOSTILE }) })),
      );
    const { stdout, stderr } = await world.run(line, { tty: true });
    outputs.push(stdout, stderr);
  }

  expect(outputs.join('')).toContain('owned');
  for (const output of outputs) expectHarmless(output);
});

test('state show lets no stream that a vendor names act on the terminal', async () => {
  await world.configure({ declined: { ...world.blocks['declined'], project_ids: ['p\u202E'] } });
  await world.run('once --deadline 3s');

  const { code, stdout } = await world.run('state show declined', { tty: true });

  expect(code).toBe(0);
  expect(stdout).toContain(String.raw`p\u202e`);
  expectHarmless(stdout);
});

test('once ends with one line in words', async () => {
  world.console.add([loginAttempt(seeded(4), world.clock.now() - 90_000, world.console.users)]);
  await world.configure({ console: world.blocks['console'] ?? {} });

  const { code, stderr } = await world.run('once', { tty: true });

  expect(code).toBe(0);
  expect(stderr).toMatch(/Done: 1 collected, 1 delivered, 0 waiting\.\n$/);
});

test('once that could not deliver says so in its last line', async () => {
  world.console.add([loginAttempt(seeded(4), world.clock.now() - 90_000, world.console.users)]);
  await world.configure({ console: world.blocks['console'] ?? {} });
  await world.receiver.away();

  const { code, stderr } = await world.run('once --deadline 2s', { tty: true });

  expect(code).toBe(4);
  expect(stderr).toMatch(/Not done: 1 collected, 0 delivered, 1 waiting\.\n$/);
  expect(stderr).toContain('Destination siem is unavailable; events are queued. Retry in ');
});
