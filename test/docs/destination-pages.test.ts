import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { workspace } from '../support/cli.ts';

const SOURCES = `
sources:
  console: { type: qradar-login-attempts, base_url: https://qradar.example.com, token: a-token }
`;

/** The first indented block that begins with `destinations:`, as a file of its own. */
function destinationsOf(page: string): string {
  const text = readFileSync(new URL(`../../deploy/${page}/README.md`, import.meta.url), 'utf8');
  const block = /^ {4}destinations:\n(?: {4}.*\n|\n)+/m.exec(text)?.[0] ?? '';
  return block.replaceAll(/^ {4}/gm, '');
}

it.each(['collector', 'loki', 'opensearch', 'victorialogs'])(
  'the destination that deploy/%s shows is valid',
  async (page) => {
    const settings = destinationsOf(page);
    await using space = await workspace();
    await writeFile(space.config, settings + SOURCES);

    const config = await loadConfig({
      file: space.config,
      env: {},
      types: await loadSources(),
      cwd: space.path,
    });

    expect(config.destinations).toHaveLength(1);
  },
);
