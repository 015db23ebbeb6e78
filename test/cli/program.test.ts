import { expect, it } from 'vitest';
import { command } from './support/command.ts';

/** Every command and group that a `--help` lists, as one would type it. */
async function listed(path: readonly string[]): Promise<string[][]> {
  const { stdout } = await command([...path, '--help']);
  const [, commands = ''] = stdout.split('\nCommands:\n');
  const names = commands.split('\n\n')[0]!.matchAll(/^ {2}([a-z][a-z-]*)/gm);
  return [...names].map(([, name = '']) => [...path, name]);
}

const top = await listed([]);
const groups = ['state', 'dead-letters', 'source'];
const commands = [
  ...top.filter(([name = '']) => !groups.includes(name)),
  ...(await Promise.all(groups.map((group) => listed([group])))).flat(),
];

it('--help lists every command', () => {
  expect(top.flat()).toEqual(
    expect.arrayContaining(['run', 'once', 'check', 'preview', 'gaps', 'state', 'dead-letters', 'demo']),
  );
});

it('--help without a command has examples', async () => {
  const { code, stdout } = await command(['--help']);

  expect(code).toBe(0);
  expect(stdout).toMatch(/\nExamples:\n(?: {2}penstock .+\n)+$/);
});

it.each([...groups.map((group) => [group]), ...commands].map((path) => [path.join(' '), path] as const))(
  '--help of %s has examples that can be typed',
  async (name, path) => {
    const { code, stdout } = await command([...path, '--help']);

    expect(code).toBe(0);
    const [, examples = ''] = stdout.split('\nExamples:\n');
    const lines = examples.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toMatch(new RegExp(`^ {2}penstock ${name}\\b`));
  },
);

it.each(commands.map((path) => [path.join(' '), path] as const))(
  'an unknown flag of %s exits 2 and names its help',
  async (name, path) => {
    const { code, stdout, stderr } = await command([...path, '--no-such-flag']);

    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`See: penstock ${name} --help`);
  },
);

it('an unknown command exits 2 and names the nearest', async () => {
  const { code, stderr } = await command(['chek']);

  expect(code).toBe(2);
  expect(stderr).toContain('Did you mean check?');
});

it('an option before the command exits 2, and the error says where options belong', async () => {
  const { code, stderr } = await command(['--config', 'penstock.yaml', 'status']);

  expect(code).toBe(2);
  expect(stderr).toContain('Options follow the command: penstock check --config FILE.');
});

it('one argument too many exits 2', async () => {
  expect((await command(['state', 'show', 'a', 'b'])).code).toBe(2);
});

it('an unknown command in a group exits 2', async () => {
  const { code, stderr } = await command(['state', 'revind']);

  expect(code).toBe(2);
  expect(stderr).toContain('Did you mean rewind?');
});

it('a group without a command shows its commands', async () => {
  const { code, stderr } = await command(['state']);

  expect(code).toBe(2);
  expect(stderr).toContain('rewind');
});
