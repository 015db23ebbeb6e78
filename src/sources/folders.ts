import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import type { Source } from '../core/source.ts';

/** Loads the module of one source. */
export type LoadSource = () => Promise<{ readonly default?: Source }>;

/**
 * How to load each source type, by the name of its folder: the folders beside this file whose names do not begin with `_`.
 * In the built program this module is replaced by the list of them (`build.ts`).
 *
 * @throws Error on a folder without an `index.ts`
 */
export async function sourceFolders(
  root: URL = new URL('.', import.meta.url),
): Promise<ReadonlyMap<string, LoadSource>> {
  const entries = await readdir(root, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'));
  const ids = folders.map(({ name }) => name).toSorted();
  return new Map(ids.map((id) => [id, loader(root, id)]));
}

function loader(root: URL, id: string): LoadSource {
  const file = new URL(`${id}/index.ts`, root);
  if (!existsSync(file))
    throw new Error(`sources/${id} has no index.ts. A folder of shared code begins with _.`);
  return () => import(file.href) as ReturnType<LoadSource>;
}
