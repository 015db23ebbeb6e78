import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { loadSources } from '../../src/sources/registry.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const run = promisify(execFile);

/** Puts the sample source into a tree's `src/sources`, as somebody who adds a source would. */
async function addSample(sources: string): Promise<void> {
  const text = await readFile(join(ROOT, 'test/support/sample-source/index.ts'), 'utf8');
  await mkdir(join(sources, 'sample-source'));
  await writeFile(join(sources, 'sample-source/index.ts'), text.replaceAll('../../../src/', '../../'));
}

describe('loadSources', () => {
  it('finds every folder but those of shared code, by its name and in order', async () => {
    const folders = await readdir(join(ROOT, 'src/sources'), { withFileTypes: true });
    const names = folders
      .filter((one) => one.isDirectory() && !one.name.startsWith('_'))
      .map(({ name }) => name);

    const sources = await loadSources();

    expect([...sources.keys()]).toEqual(names.toSorted());
    for (const [id, source] of sources) expect(source.id).toBe(id);
  });

  it('is all that knows of a source: a folder added is a type more', async () => {
    await using copy = await temporaryDirectory();
    await cp(join(ROOT, 'src'), join(copy.path, 'src'), { recursive: true });
    await cp(join(ROOT, 'package.json'), join(copy.path, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
    await addSample(join(copy.path, 'src/sources'));

    const { stdout } = await run(process.execPath, [join(copy.path, 'src/main.ts'), 'sources']);

    expect(stdout).toContain('sample-source');
    expect(stdout).toContain('qradar-login-attempts');
  });

  it.each([
    ['no index.ts', undefined, /sources\/acme has no index\.ts/],
    ['another id than its folder', "export default { id: 'other' };", /whose id is the folder's name, acme/],
    ['no default export', "export const id = 'acme';", /must export by default/],
  ])('refuses a folder with %s', async (_, text, problem) => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'acme'));
    if (text !== undefined) await writeFile(join(directory.path, 'acme/index.js'), text);

    await expect(loadSources(pathToFileURL(`${directory.path}/`))).rejects.toThrow(problem);
  });
});
