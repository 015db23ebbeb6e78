import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { workspace } from '../support/cli.ts';

const PAGES = new URL('../../docs/destinations/', import.meta.url);

const SOURCES = `
sources:
  console: { type: qradar-login-attempts, base_url: https://qradar.example.com, token: a-token }
`;

/** The indented blocks of a page that begin with `destinations:`, as files of their own. */
function destinationsOf(page: string): string[] {
  const text = readFileSync(new URL(page, PAGES), 'utf8').replaceAll(/\$\{file:[^}]*\}/g, 'a-secret');
  const blocks = text.match(/^ {4}destinations:\n(?: {4}.*\n)+/gm) ?? [];
  return blocks.map((block) => block.replaceAll(/^ {4}/gm, ''));
}

/** Those that describe a receiver; Grafana is none, and the overview has no example. */
const RECEIVERS = readdirSync(PAGES).filter((page) => !['README.md', 'grafana.md'].includes(page));

it.each(RECEIVERS)('each destination that docs/destinations/%s shows is valid', async (page) => {
  const examples = destinationsOf(page);
  expect(examples.length).toBeGreaterThan(0);
  await using space = await workspace();

  for (const settings of examples) {
    await writeFile(space.config, settings + SOURCES);
    const config = await loadConfig({
      file: space.config,
      env: {},
      types: await loadSources(),
      cwd: space.path,
    });

    expect(config.destinations).toHaveLength(1);
  }
});

it('the overview of destinations links to every page', () => {
  const overview = readFileSync(new URL('README.md', PAGES), 'utf8');

  const unlinked = [...RECEIVERS, 'grafana.md'].filter((page) => !overview.includes(`](${page}`));

  expect(unlinked).toEqual([]);
});
