import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The text of all files that git knows by these patterns. */
function textOf(...patterns: readonly string[]): string {
  return execFileSync('git', ['ls-files', ...patterns], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter((path) => existsSync(join(ROOT, path)))
    .map(read)
    .join('\n');
}

/** What stands in backticks in a text. */
function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

const DOCUMENTS = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((path) => existsSync(join(ROOT, path)) && path !== 'CHANGELOG.md');

/** Paths of files and folders of the repository; a path with a place to fill in is none. */
const OWN_PATH = /^(?:src|test|docs|deploy|bench|config|\.github|\.ci)\/[\w./-]+$/;

it.each(DOCUMENTS)('each path of the repository that %s names exists', (path) => {
  const named = codeSpans(read(path).replaceAll(/^```.*?^```$/gms, ''));

  const missing = named.filter(
    (span) => OWN_PATH.test(span) && !/acme/.test(span) && !existsSync(join(ROOT, span)),
  );

  expect(missing).toEqual([]);
});

it('each command of docs/guarantees.md and the README selects tests that exist', () => {
  const commands = [...codeSpans(read('README.md')), ...codeSpans(read('docs/guarantees.md'))];
  const tests = execFileSync('git', ['ls-files', 'test/**/*.test.ts'], { cwd: ROOT, encoding: 'utf8' }).split(
    '\n',
  );

  const unknown = commands.flatMap((command) => {
    const [, names = ''] = /^npm (?:test|run test:process) -- (.*)$/.exec(command) ?? [];
    const words = names.split(' ').filter((word) => word !== '');
    return words.filter((word) => !tests.some((test) => test.includes(word)));
  });

  expect(unknown).toEqual([]);
});

it('each message that docs/troubleshooting.md quotes is one of the code', () => {
  // A text may be cut into several literals.
  const code = textOf('src/**/*.ts')
    .replaceAll(/' \+\s*['`]|` \+\s*['`]/g, '')
    .replaceAll('\\`', '`');
  const quoted = [...read('docs/troubleshooting.md').matchAll(/"([^"\n]+)"/g)].map(([, text = '']) => text);

  const parts = quoted.flatMap((text) => text.replaceAll(/`\w`/g, '…').split('…')).map((part) => part.trim());
  const unknown = parts.filter((part) => part.length > 3 && !code.includes(part));

  expect(quoted.length).toBeGreaterThan(5);
  expect(unknown).toEqual([]);
});

it('each line of code that CONTRIBUTING.md calls good is in the repository', () => {
  const code = textOf('src/**/*.ts', 'test/**/*.ts');
  const blocks = read('CONTRIBUTING.md').matchAll(/^\/\/ Good\n(.*?)^```$/gms);

  const lines = [...blocks].flatMap(([, block = '']) => block.trim().split('\n')).map((line) => line.trim());
  // A call may be part of a longer line, or of an object.
  const missing = lines.filter((line) => !code.includes(line.replace(/^log\./, '')));

  expect(lines.length).toBeGreaterThan(6);
  expect(missing).toEqual([]);
});

it('each reason of a gap in docs/operate.md is one of the code', () => {
  const [, table = ''] = read('docs/operate.md').split('\n| reason of a gap | what happened |\n');
  const rows = table.split('\n\n')[0]?.split('\n').slice(1) ?? [];
  const reasons = rows.flatMap((row) => codeSpans(row.split('|')[1] ?? ''));
  const code = textOf('src/**/*.ts');

  expect(reasons.length).toBeGreaterThan(8);
  expect(reasons.filter((reason) => !code.includes(`'${reason}'`))).toEqual([]);
});

it('what the README shows of the demo is what the demo prints', () => {
  const [, chapter = ''] = read('README.md').split('\n## Try it\n');
  const shown = [...chapter.matchAll(/^ {4}([A-Z].*)$/gm)].slice(0, 3).map(([, line = '']) => line);
  const code = textOf('src/cli/*.ts');

  // Numbers and the list of datasets differ from run to run.
  const words = shown.flatMap((line) => line.replace(/(?<=events: ).*$|\.$/, '').split(/\d+/));

  expect(words.length).toBeGreaterThan(5);
  expect(words.filter((part) => !code.includes(part))).toEqual([]);
});

it('each metric that a document names is one of the code', () => {
  const code = textOf('src/**/*.ts');
  const named = DOCUMENTS.flatMap(
    (path) =>
      codeSpans(read(path))
        .join(' ')
        .match(/\b(?:penstock|process)_[a-z_]+\b/g) ?? [],
  );

  const metrics = new Set(named.map((name) => name.replace(/_bucket$/, '')));
  // `process_*` stands for several.
  const unknown = [...metrics].filter((name) => !name.endsWith('_') && !code.includes(name));

  expect(metrics.size).toBeGreaterThan(20);
  expect(unknown).toEqual([]);
});
