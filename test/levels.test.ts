import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { temporaryDirectory } from './support/temporary.ts';

const ROOT = new URL('..', import.meta.url).pathname;

/** The levels of `src` from top to bottom; folders of one level are neighbours. */
const LEVELS: readonly (readonly string[])[] = [
  ['cli'],
  ['runtime'],
  ['sources', 'collect', 'deliver', 'observe'],
  ['journal', 'otlp'],
  ['http'],
  ['config'],
  ['ecs'],
  ['core'],
];

const FOLDERS = [...LEVELS.flat(), 'simulators'];

/** A complaint of the linter: the file and the rule. */
interface Complaint {
  readonly filename: string;
  readonly code: string;
}

/** What the linter, as this repository configures it, says about these files. */
async function lint(files: Readonly<Record<string, string>>): Promise<readonly Complaint[]> {
  await using directory = await temporaryDirectory();
  await copyFile(join(ROOT, '.oxlintrc.json'), join(directory.path, '.oxlintrc.json'));
  for (const [name, text] of Object.entries(files)) {
    const file = join(directory.path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  const { promise, resolve } = Promise.withResolvers<string>();
  const oxlint = join(ROOT, 'node_modules/.bin/oxlint');
  execFile(oxlint, ['--format=json'], { cwd: directory.path }, (_, stdout) => resolve(stdout));
  const { diagnostics } = JSON.parse(await promise) as { diagnostics: readonly Complaint[] };
  return diagnostics;
}

const level = (folder: string) => LEVELS.findIndex((folders) => folders.includes(folder));

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (to === 'simulators') return from === 'cli';
  if (from === 'simulators') return to === 'core';
  return level(from) < level(to);
}

/** One file for each folder and each folder that it imports a type from, named `src/<from>/x/imports-<to>.ts`. */
function everyImport(): Record<string, string> {
  const files: Record<string, string> = {};
  for (const from of FOLDERS) {
    files[`src/${from}/target.ts`] = 'export type Target = string;\n';
    for (const to of FOLDERS)
      files[`src/${from}/x/imports-${to}.ts`] =
        `import type { Target } from '../../${to}/target.ts';\n\nexport type Own = readonly Target[];\n`;
  }
  return files;
}

let refused: ReadonlySet<string>;

beforeAll(async () => {
  const complaints = await lint(everyImport());
  refused = new Set(
    complaints
      .filter(({ code }) => code.includes('no-restricted-imports'))
      .map(({ filename }) => filename.replace(/^.*src\/(\w+)\/x\/imports-(\w+)\.ts$/, '$1 → $2')),
  );
});

test('the linter refuses every import from a neighbouring or higher level, of types as well', () => {
  const expected = FOLDERS.flatMap((from) =>
    FOLDERS.filter((to) => !mayImport(from, to)).map((to) => `${from} → ${to}`),
  );

  expect([...refused].toSorted()).toEqual(expected.toSorted());
});

test('the linter refuses a cycle of two files of one folder, even when they share only types', async () => {
  const complaints = await lint({
    'src/core/one.ts': `import type { Other } from './other.ts';\n\nexport type One = readonly Other[] | string;\n`,
    'src/core/other.ts': `import type { One } from './one.ts';\n\nexport type Other = readonly One[] | string;\n`,
  });

  expect(complaints.map(({ code }) => code)).toContain('import(no-cycle)');
});

test('nothing but main.ts stands at the top of src', async () => {
  const files = await readdir(join(ROOT, 'src'), { recursive: true, withFileTypes: true });
  const tops = files
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(join(ROOT, 'src'), join(parentPath, name)).split('/')[0]);

  expect([...new Set(tops)].toSorted()).toEqual([...FOLDERS, 'main.ts'].toSorted());
});
