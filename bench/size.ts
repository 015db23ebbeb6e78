import { execFileSync } from 'node:child_process';
import { posix } from 'node:path';

/**
 * How large the code is: files and lines below `src`, without simulators and generated files, and how many files a page
 * of login attempts passes from its poll to its acknowledgement. Prints one row of the table in `docs/decisions.md`.
 *
 *     node bench/size.ts              # the working tree's last commit
 *     node bench/size.ts 05c52cc      # another one
 */
const commit = process.argv[2] ?? 'HEAD';
const ENTRIES = [
  // Where each layout has its loops, its journal and this source; what does not exist at the commit is left out.
  ['src/collect/loop.ts', 'src/collect/worker.ts'],
  ['src/deliver/loop.ts', 'src/deliver/deliver.ts'],
  ['src/journal/sqlite-journal.ts', 'src/journal/sqlite/sqlite-journal.ts'],
  ['src/sources/qradar-login-attempts/index.ts'],
];

const git = (...args: readonly string[]) =>
  execFileSync('git', args, { encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'ignore'] });

const files = new Map(
  git('ls-tree', '-r', '--name-only', commit, 'src')
    .split('\n')
    .filter((path) => path.endsWith('.ts') && !path.startsWith('src/simulators/'))
    .filter((path) => !path.endsWith('.generated.ts'))
    .map((path) => [path, git('show', `${commit}:${path}`)]),
);
const lengths = [...files.values()].map((text) => text.split('\n').length - 1).toSorted((a, b) => a - b);
const total = lengths.reduce((sum, length) => sum + length, 0);
const middle = lengths[Math.floor(lengths.length / 2)];
const outside = [...files.keys()].filter((path) => !/^src\/(cli|sources|journal\/postgres)\//.test(path));

/** The files that a file needs at run time: `import type` is not among them. */
function importsOf(path: string): string[] {
  const found = (files.get(path) ?? '').matchAll(/^(?:import|export)\s(?!type\s)[^;]*?from '(\.[^']+)';/gm);
  return [...found].map(([, to = '']) => posix.join(posix.dirname(path), to));
}

const passed = new Set<string>();
const ahead = ENTRIES.flatMap((places) => places.filter((place) => files.has(place)).slice(0, 1));
for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
  if (passed.has(path) || !files.has(path)) continue;
  passed.add(path);
  ahead.push(...importsOf(path));
}

const row = [
  commit,
  files.size,
  outside.length,
  total,
  middle,
  lengths.at(-1),
  lengths.filter((length) => length <= 40).length,
  passed.size,
];
process.stdout.write(
  `| commit | files | outside cli, sources | lines | median | largest | at most 40 lines | from poll to acknowledgement |\n| ${row.join(' | ')} |\n`,
);
