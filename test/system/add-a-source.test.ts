import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { expect, it } from 'vitest';
import { startProgram } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = new URL('../../', import.meta.url).pathname;

/** The files that the page shows: each code block belongs to the path that was named last before it. */
function filesOf(page: string): Map<string, string> {
  const files = new Map<string, string>();
  const blocks = page.matchAll(/^`((?:src|test)\/[^`]+)`[^\n]*\n+```\w+\n(.*?)^```$/gms);
  for (const [, path = '', content = ''] of blocks) files.set(path, content);
  return files;
}

it('the source that docs/add-a-source.md adds type-checks and passes the contract tests', async () => {
  const page = await readFile(join(ROOT, 'docs/add-a-source.md'), 'utf8');
  const [, arguments_ = ''] = /^ {4}npm test -- (.*)$/m.exec(page) ?? [];
  await using copy = await temporaryDirectory();
  for (const part of ['src', 'test', 'package.json', 'tsconfig.json'])
    await cp(join(ROOT, part), join(copy.path, part), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
  const files = filesOf(page);
  for (const [path, content] of files) {
    await mkdir(dirname(join(copy.path, path)), { recursive: true });
    await writeFile(join(copy.path, path), content);
  }
  await writeFile(join(copy.path, 'src/sources/acme-audit-log/fixtures/events.ecs.json'), '');
  const run = async (...command: readonly string[]) => {
    const options = { cwd: copy.path, env: { NO_COLOR: '1', PATH: `${dirname(execPath)}:/usr/bin:/bin` } };
    const { code, stdout, stderr } = await startProgram(command, options).ended;
    expect(code, stdout + stderr).toBe(0);
    return stdout;
  };
  const bin = (name: string) => join(copy.path, 'node_modules/.bin', name);

  const vitest = [bin('vitest'), 'run', '--config', 'test/vitest.config.ts', '--project', 'fast'];
  const tested = await run(...vitest, ...arguments_.split(' '));
  await run(bin('tsc'), '--noEmit');
  const listed = await run(execPath, 'src/main.ts', 'sources', 'acme-audit-log');
  const golden = await readFile(
    join(copy.path, 'src/sources/acme-audit-log/fixtures/events.ecs.json'),
    'utf8',
  );

  expect(files.size).toBe(4);
  expect(tested).toMatch(/Tests .* [2-9]\d passed/);
  expect(listed).toContain('page_size');
  expect(golden).toContain('"message": "anna: user.create"');
});
