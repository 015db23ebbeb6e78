import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runFixture } from '../../src/cli/source-fixture.ts';
import { readSourceFolder } from '../../src/cli/source-folder.ts';
import { loadSources } from '../../src/sources/registry.ts';

const SOURCES = new URL('../../src/sources/', import.meta.url);

const definitions = [...(await loadSources()).keys()].filter((id) =>
  existsSync(new URL(`${id}/source.yaml`, SOURCES)),
);

describe.each(definitions)('%s', async (id) => {
  const { source, fixtures } = await readSourceFolder(SOURCES.pathname, id);

  it('a definition has fixtures of several pages and of an empty answer', () => {
    const names = fixtures.map(({ file }) => file.replace(/^.*\//, ''));

    expect(names).toEqual(expect.arrayContaining(['empty.yaml', 'pages.yaml']));
  });

  it.each(fixtures)('makes the requests and the events of $file', async ({ fixture }) => {
    const { requests, differences } = await runFixture(source, fixture);

    expect(fixture.events).toBeDefined();
    expect(requests).toEqual([]);
    expect(differences).toEqual([]);
  });
});
