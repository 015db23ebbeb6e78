import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { chartOf } from '../bench/chart.ts';
import { reportOf } from '../bench/report.ts';
import type { Results } from '../bench/results.ts';
import { configSchema } from '../src/config/schema.ts';
import { GAPS_DATASET } from '../src/ecs/own-events.ts';
import { definitionJsonSchema } from '../src/sources/_declarative/json-schema.ts';
import { loadSources } from '../src/sources/registry.ts';
import {
  commonTable,
  destinationTable,
  recordBeforeAndAfter,
  renewed,
  settingsTable,
} from './support/document-parts.ts';
import { doubleFields } from './support/double-fields.ts';
import { ecsTable } from './support/ecs-table.ts';
import { componentTemplate, indexTemplate } from './support/elastic-template.ts';
import { ownFields } from './support/own-fields.ts';
import { sourcePage } from './support/source-page.ts';

/** Files that are made from the code. A stale one fails here; `npm run generate` writes it anew. */

test('config/penstock.schema.json is what the sources and settings say', async () => {
  const schema = configSchema(await loadSources());

  await expect(written(schema)).toMatchFileSnapshot('../config/penstock.schema.json');
});

test('src/ecs/fields.generated.ts is what @elastic/ecs says', async () => {
  await expect(ecsTable()).toMatchFileSnapshot('../src/ecs/fields.generated.ts');
});

test('config/source.schema.json is what a source.yaml may hold', async () => {
  await expect(written(definitionJsonSchema())).toMatchFileSnapshot('../config/source.schema.json');
});

test('deploy/elastic types what the sources declare and what ECS defines', async () => {
  const sources = [...(await loadSources()).values()];
  const datasets = [...new Set(sources.map(({ dataset }) => dataset)), GAPS_DATASET, 'penstock.health'];

  await expect(written(componentTemplate(await ownFields()))).toMatchFileSnapshot(
    '../deploy/elastic/component-template.json',
  );
  await expect(written(indexTemplate(datasets.toSorted()))).toMatchFileSnapshot(
    '../deploy/elastic/index-template.json',
  );
});

test('the encoder knows the fields that ECS stores as floating-point numbers', async () => {
  await expect(doubleFields()).toMatchFileSnapshot('../src/ecs/double-fields.generated.ts');
});

test.each([...(await loadSources()).values()].map((source) => [source.id, source] as const))(
  'the page of %s has the options, the fields and an event of today',
  async (id, source) => {
    await expect(await sourcePage(source)).toMatchFileSnapshot(`../src/sources/${id}/README.md`);
  },
);

test('the README shows a record of the fixtures before and after', async () => {
  const parts = { example: await recordBeforeAndAfter() };

  await expect(await renewed('README.md', parts)).toMatchFileSnapshot('../README.md');
});

test('docs/configuration.md lists the options of today', async () => {
  const parts = { settings: settingsTable(), destinations: destinationTable(), sources: commonTable() };

  await expect(await renewed('docs/configuration.md', parts)).toMatchFileSnapshot('../docs/configuration.md');
});

test('bench/REPORT.md and its picture are what bench/report.json says', async () => {
  const results = JSON.parse(await ofBench('report.json')) as Results;

  await expect(reportOf(results, await ofBench('gains.md'))).toMatchFileSnapshot('../bench/REPORT.md');
  await expect(chartOf(results.figures.cost?.variants ?? [])).toMatchFileSnapshot('../bench/report.svg');
});

function written(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

function ofBench(name: string): Promise<string> {
  return readFile(new URL(`../bench/${name}`, import.meta.url), 'utf8');
}
