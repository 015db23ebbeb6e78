import { execFile } from 'node:child_process';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryDirectory } from './support/temporary.ts';

const ROOT = new URL('../', import.meta.url).pathname;

/** What the linter of this repository prints of these files, by their paths; '' when it finds nothing. */
async function lint(files: Readonly<Record<string, string>>): Promise<string> {
  await using directory = await temporaryDirectory();
  await copyFile(join(ROOT, '.oxlintrc.json'), join(directory.path, '.oxlintrc.json'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory.path, path)), { recursive: true });
    await writeFile(join(directory.path, path), text);
  }
  const oxlint = join(ROOT, 'node_modules/.bin/oxlint');
  const run = promisify(execFile)(oxlint, ['--deny-warnings'], { cwd: directory.path });
  return await run.then(
    () => '',
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
}

const EXPORTED = 'export const part = 1;\nexport type Part = number;\n';

test.each([
  ['core', 'ecs'],
  ['ecs', 'config'],
  ['config', 'http'],
  ['http', 'journal'],
  ['otlp', 'journal'],
  ['journal', 'collect'],
  ['collect', 'observe'],
  ['deliver', 'collect'],
  ['sources', 'collect'],
  ['observe', 'runtime'],
  ['runtime', 'cli'],
  ['simulators', 'http'],
])('the linter refuses that %s imports from %s, even a type', async (from, to) => {
  const found = await lint({
    [`src/${from}/deep/one.ts`]: `import type { Part } from '../../${to}/two.ts';\nexport type One = Part;\n`,
    [`src/${to}/two.ts`]: EXPORTED,
  });

  expect(found).toContain('docs/architecture.md');
});

test('the linter accepts an import from a lower level', async () => {
  const found = await lint({
    'src/collect/one.ts': "import { part } from '../core/two.ts';\nexport const one = part;\n",
    'src/core/two.ts': EXPORTED,
  });

  expect(found).toBe('');
});

test('the linter refuses a cycle of types', async () => {
  const found = await lint({
    'src/core/one.ts': "import type { Two } from './two.ts';\nexport type One = Two | 1;\n",
    'src/core/two.ts': "import type { One } from './one.ts';\nexport type Two = { readonly one: One };\n",
  });

  expect(found).toContain('no-cycle');
});
