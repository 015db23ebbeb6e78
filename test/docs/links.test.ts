import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;

/** Every Markdown document of the repository but those of installed packages. */
const DOCUMENTS = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((path) => existsSync(join(ROOT, path)));

/** The text without its code: what stands there is no link. */
function prose(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
    .replaceAll(/^```.*?^```$/gms, '')
    .replaceAll(/^ {4}.*$/gm, '');
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(path: string): string[] {
  return [...prose(path).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  );
}

function linksOf(path: string): string[] {
  return [...prose(path).matchAll(/(?<!`)\]\(([^()\s]+)\)/g)].map(([, link = '']) => link);
}

/** Why a relative link leads nowhere; undefined when it leads somewhere. */
function problemOf(path: string, link: string): string | undefined {
  const [file = '', anchor = ''] = link.split('#');
  const target = file === '' ? path : join(dirname(path), file);
  if (!existsSync(join(ROOT, target))) return `${path}: ${link} does not exist`;
  if (anchor === '' || statSync(join(ROOT, target)).isDirectory()) return undefined;
  return anchorsOf(target).includes(anchor) ? undefined : `${path}: ${link} has no such heading`;
}

it.each(DOCUMENTS)('every relative link and anchor of %s leads somewhere', (path) => {
  const relative = linksOf(path).filter((link) => !/^(?:https?|mailto):/.test(link));

  const problems = relative.flatMap((link) => problemOf(path, link) ?? []);

  expect(problems).toEqual([]);
});

it('finds the links of the README', () => {
  expect(linksOf('README.md').length).toBeGreaterThan(15);
});

it.each([
  ['docs/operate.md', 'nowhere.md', 'docs/operate.md: nowhere.md does not exist'],
  ['docs/operate.md', '#nowhere', 'docs/operate.md: #nowhere has no such heading'],
  ['docs/operate.md', '../README.md#quick-start', undefined],
])('of %s, the link %s is judged rightly', (path, link, problem) => {
  expect(problemOf(path, link)).toBe(problem);
});

it('the README is a landing page of at most 120 lines', () => {
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(120);
});
