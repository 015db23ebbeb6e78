import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What stands in backticks in a text. */
function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

/** The TypeScript files that a text names, relative to `src`. */
function filesOf(text: string): string[] {
  return codeSpans(text).filter((span) => /^[\w/-]+\.ts$/.test(span));
}

it('each file that docs/architecture.md names exists, and its walk of one page names at least ten', () => {
  const page = read('docs/architecture.md');
  const [, walk = ''] = page.split('\n## One page, from its schedule to its acknowledgement\n');

  const missing = filesOf(page).filter((path) => !existsSync(join(ROOT, 'src', path)));

  expect(missing).toEqual([]);
  expect(new Set(filesOf(walk.split('\n## ')[0] ?? '')).size).toBeGreaterThanOrEqual(10);
});

it('each level that docs/architecture.md names is a folder of src, and each folder is named', () => {
  const [, levels = ''] = read('docs/architecture.md').split('\n## Levels\n');
  const rows = levels.split('\n## ')[0]?.match(/^\| `.*$/gm) ?? [];
  const named = rows.flatMap((row) => codeSpans(row.split('|')[1] ?? ''));
  const folders = execFileSync('git', ['ls-files', 'src'], { cwd: ROOT, encoding: 'utf8' })
    .split('\n')
    .flatMap((path) => /^src\/(\w+)\//.exec(path)?.[1] ?? []);

  expect(named.toSorted()).toEqual([...new Set(folders)].toSorted());
});
