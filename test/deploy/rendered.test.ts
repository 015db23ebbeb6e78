import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHART } from './support/helm.ts';
import { FOLDERS, render } from './support/render.ts';
import { tools } from './support/tools.ts';
import { withValues } from './support/values-table.ts';

/** Files that are made from the chart. A stale one fails here; `npm run generate:deploy` writes it anew. */

const { folders, skipped } = await tools('helm');

function chartFile(name: string): Promise<string> {
  return readFile(`${CHART}/${name}`, 'utf8');
}

describe.skipIf(skipped !== '')(`What the chart renders${skipped}`, () => {
  it.each(FOLDERS)('is what deploy/kubernetes/%s holds, and nothing else is there', async (folder) => {
    const files = await render(folders.helm, folder);

    for (const [name, content] of files)
      await expect(content).toMatchFileSnapshot(`../../deploy/kubernetes/${folder}/${name}`);
    const there = await readdir(new URL(`../../deploy/kubernetes/${folder}`, import.meta.url));
    expect(there.toSorted()).toEqual([...files.keys()].toSorted());
  });
});

it('The README of the chart lists its values', async () => {
  const [readme, schema, values] = await Promise.all([
    chartFile('README.md'),
    chartFile('values.schema.json'),
    chartFile('values.yaml'),
  ]);

  const renewed = withValues(readme, JSON.parse(schema), parse(values));

  await expect(renewed).toMatchFileSnapshot(`${CHART}/README.md`);
});
