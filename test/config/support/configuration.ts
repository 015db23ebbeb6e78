import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import * as z from 'zod';
import { loadConfig } from '../../../src/config/load.ts';
import { duration, httpUrl, sourceOptions, tenants } from '../../../src/config/options.ts';
import type { Config, SourceTypes } from '../../../src/config/types.ts';
import { ConfigError } from '../../../src/core/errors.ts';
import { defineSource, type Source } from '../../../src/core/source.ts';

const plain = {
  vendor: 'Acme',
  product: 'Acme',
  dataset: 'acme.logins',
  categorisation: { kind: 'event', category: ['authentication'], type: ['start'] },
  fields: {},
  stream: 'append-only',
  canReread: true,
  cursor: z.object({}),
  record: z.object({}),
  quotas: () => [],
  authorise: () => ({}),
  async *streams() {},
  async *poll() {},
  normalise: () => ({}),
} as const;

/** A source type with options of its own, and one whose vendor has tenants and projects. */
export const TYPES: SourceTypes = new Map<string, Source>([
  [
    'acme-logins',
    defineSource({
      ...plain,
      id: 'acme-logins',
      title: 'Acme logins',
      options: sourceOptions({
        page_size: z.int().min(1).max(5000).default(1000).describe('Rows a page.'),
        overlap: duration('5m').describe('Read again.'),
        resolve_users: z.boolean().default(true).describe('Names for ids.'),
      }),
    }),
  ],
  [
    'acme-tenants',
    defineSource({
      ...plain,
      id: 'acme-tenants',
      title: 'Acme tenants',
      scopedBy: ['tenants', 'project_ids'],
      options: sourceOptions({
        base_url: httpUrl().prefault('https://api.acme.test').describe('Where Acme answers.'),
        tenants: tenants(),
        project_ids: z.array(z.string()).optional().describe('Projects to read; all by default.'),
      }),
    }),
  ],
]);

/** The smallest destination. */
export const SIEM = 'destinations: { siem: { endpoint: http://127.0.0.1:4318 } }\n';

/** A new directory with these files, removed when the test ends. */
export async function directoryWith(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'penstock-config-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

type Environment = Readonly<Record<string, string>>;

/** Loads a configuration of this text, in a directory of its own. */
export async function load(
  text: string,
  env: Environment = {},
  files: Readonly<Record<string, string>> = {},
): Promise<Config> {
  const cwd = await directoryWith({ ...files, 'penstock.yaml': text });
  return await loadConfig({ env, types: TYPES, cwd });
}

/** What is wrong with a configuration of this text, a line each. */
export async function problemsOf(
  text: string,
  env: Environment = {},
  files: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  return await problemsOfLoading(load(text, env, files));
}

export async function problemsOfLoading(loading: Promise<Config>): Promise<readonly string[]> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}
