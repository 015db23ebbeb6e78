import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { Source } from '../core/source.ts';

/** TypeScript in the checkout, JavaScript in `dist`. */
const ENTRIES = ['index.ts', 'index.js'];

/**
 * Every source type by its id, in order: the folders beside this file. A folder whose name begins with `_` holds code
 * that sources share. Nothing else imports a source, so that adding one is adding its folder.
 *
 * @throws Error on a folder that is no source, or whose `id` is not its name.
 */
export async function loadSources(
  root: URL = new URL('.', import.meta.url),
): Promise<ReadonlyMap<string, Source>> {
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'));
  const ids = folders.map(({ name }) => name).toSorted();
  return new Map(await Promise.all(ids.map(async (id) => [id, await load(root, id)] as const)));
}

async function load(root: URL, id: string): Promise<Source> {
  const file = ENTRIES.map((name) => new URL(`${id}/${name}`, root)).find((url) => existsSync(url));
  if (file === undefined)
    throw new Error(`sources/${id} has no index.ts. A folder of shared code begins with _.`);
  const { default: source } = (await import(file.href)) as { default?: Source };
  if (source?.id === id) return source;
  throw new Error(
    `sources/${id}/index.ts must export by default a source whose id is the folder's name, ${id}.`,
  );
}
