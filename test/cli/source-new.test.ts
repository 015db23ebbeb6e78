import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';
import { command } from './support/command.ts';

it.each(['acme-audit', 'acme', '1password-sign-in-events', 'a--b-'])(
  'a new source type named %s passes its own test as it is',
  async (id) => {
    await using directory = await temporaryDirectory();
    const cwd = directory.path;

    const made = await command(['source', 'new', id, '--dir', 'types'], { cwd });
    const tested = await command(['source', 'test', `types/${id}`], { cwd });

    expect([made.code, made.rows]).toEqual([
      0,
      ['source.yaml', 'README.md', 'fixtures/two-pages.yaml'].map((name) => ({
        file: `types/${id}/${name}`,
      })),
    ]);
    expect(tested.rows.flatMap(({ differences }) => differences)).toEqual([]);
    expect([tested.code, tested.stderr, tested.rows.length]).toEqual([0, '', 7]);
  },
);

it('nothing is overwritten', async () => {
  await using directory = await temporaryDirectory();
  const cwd = directory.path;
  await command(['source', 'new', 'acme-audit'], { cwd });
  const file = join(cwd, 'acme-audit/source.yaml');
  const before = await readFile(file, 'utf8');

  const { code, stderr } = await command(['source', 'new', 'acme-audit'], { cwd });

  expect([code, stderr]).toEqual([
    2,
    'acme-audit exists, and nothing is overwritten. Name another, or remove it.\n',
  ]);
  expect(await readFile(file, 'utf8')).toBe(before);
});

it.each(['Acme', '../acme', '-acme', 'acme audit'])('%j is no id, and nothing is written', async (id) => {
  await using directory = await temporaryDirectory();

  const { code, stderr } = await command(['source', 'new', '--', id], { cwd: directory.path });

  expect(code).toBe(2);
  expect(stderr).toContain('is no id: expected lower-case letters');
  expect(await readdir(directory.path)).toEqual([]);
});
