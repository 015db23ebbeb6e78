import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Source } from '../core/source.ts';

/** Loads one source. */
export type LoadSource = () => Promise<{ readonly default?: Source }>;

/**
 * How to load each source type, by the name of its folder: the folders beside this file whose names do not begin with `_`.
 * A source is code (`index.ts`) or a definition (`source.yaml`). In the built program this module is replaced by the list
 * of them (`bundle.ts`).
 *
 * @throws Error on a folder with neither, or with both
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
  const code = new URL(`${id}/index.ts`, root);
  const definition = new URL(`${id}/source.yaml`, root);
  const [isCode, isDefinition] = [existsSync(code), existsSync(definition)];
  if (isCode && isDefinition)
    throw new Error(`sources/${id} has both an index.ts and a source.yaml. Remove one.`);
  if (isCode) return () => import(code.href) as ReturnType<LoadSource>;
  if (isDefinition) return () => compiled(definition);
  throw new Error(`sources/${id} has no index.ts and no source.yaml. A folder of shared code begins with _.`);
}

async function compiled(file: URL): ReturnType<LoadSource> {
  const { compileDefinition } = await import('./_declarative/compile.ts');
  return { default: compileDefinition(await readFile(file, 'utf8'), fileURLToPath(file)) };
}
