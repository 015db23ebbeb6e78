import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/core/clock.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { serve } from '../../src/simulators/server.ts';
import { sourceFolders } from '../../src/sources/folders.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { ACME } from './_declarative/definitions.ts';
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
  it('loadSources finds every folder but those of shared code, by its name and in order', async () => {
    const folders = await readdir(join(ROOT, 'src/sources'), { withFileTypes: true });
    const names = folders
      .filter((one) => one.isDirectory() && !one.name.startsWith('_'))
      .map(({ name }) => name);

    const sources = await loadSources();

    expect([...sources.keys()]).toEqual(names.toSorted());
    for (const [id, source] of sources) expect(source.id).toBe(id);
  });

  it('a folder that is added is listed, polled and delivered, without any other change', async () => {
    await using copy = await temporaryDirectory();
    await cp(join(ROOT, 'src'), join(copy.path, 'src'), { recursive: true });
    await cp(join(ROOT, 'package.json'), join(copy.path, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(copy.path, 'node_modules'));
    await addSample(join(copy.path, 'src/sources'));
    const rows = [{ id: 'first' }, { id: 'second' }];
    await using vendor = await serve(
      ({ query }) => ({ status: 200, body: rows.slice(Number(query.get('from'))) }),
      { clock: systemClock },
    );
    await using receiver = await startReceiver({ clock: systemClock });
    const settings = {
      state: { path: join(copy.path, 'state') },
      destinations: { siem: { endpoint: receiver.url } },
      sources: { sample: { type: 'sample-source', base_url: vendor.url, token: 'any' } },
    };
    await writeFile(join(copy.path, 'penstock.yaml'), stringify(settings));
    const penstock = (...args: string[]) =>
      run(process.execPath, [join(copy.path, 'src/main.ts'), ...args], { cwd: copy.path });

    const { stdout } = await penstock('sources');
    await penstock('once');
    await penstock('once');

    expect(stdout).toContain('sample-source');
    expect(stdout).toContain('qradar-login-attempts');
    expect(receiver.received().map(({ record }) => record.attributes['event.id'])).toEqual([
      'first',
      'second',
    ]);
    expect(vendor.requests.map(({ query }) => query.get('from'))).toEqual(['0', '2']);
  });

  it('a folder with a source.yaml is a source type, and its mistakes are reported with their places', async () => {
    await using directory = await temporaryDirectory();
    const write = async (text: string) => {
      await mkdir(join(directory.path, 'acme-audit'), { recursive: true });
      await writeFile(join(directory.path, 'acme-audit/source.yaml'), text);
    };
    const load = () => sourceFolders(pathToFileURL(`${directory.path}/`)).then(loadSources);

    await write(ACME);
    const sources = await load();
    await write(ACME.replace('records: data', 'recods: data'));

    expect(sources.get('acme-audit')).toMatchObject({ id: 'acme-audit', dataset: 'acme.audit' });
    await expect(load()).rejects.toThrow(
      `${directory.path}/acme-audit/source.yaml:30:1 recods: unknown option \`recods\`; did you mean \`records\`?`,
    );
  });

  it.each([
    ['no index.ts', undefined, /sources\/acme has no index\.ts and no source\.yaml/],
    ['another id than its folder', "export default { id: 'other' };", /whose id is the folder's name, acme/],
    ['no default export', "export const id = 'acme';", /exports by default/],
  ])('loadSources rejects a folder with %s', async (_, text, problem) => {
    await using directory = await temporaryDirectory();
    await mkdir(join(directory.path, 'acme'));
    if (text !== undefined) await writeFile(join(directory.path, 'acme/index.ts'), text);

    await expect(sourceFolders(pathToFileURL(`${directory.path}/`)).then(loadSources)).rejects.toThrow(
      problem,
    );
  });
});
