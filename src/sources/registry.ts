import type { LoadType } from '../config/outside-types.ts';
import type { Source } from '../core/source.ts';
import { sourceFolders, type LoadSource } from './folders.ts';

/**
 * How to load each source type, by its id, in order. Nothing else imports a source, so that adding one is adding its folder.
 * Loading rejects with an Error when a folder exports no source, or one whose `id` is not the folder’s name.
 */
export async function sourceLoaders(
  folders?: ReadonlyMap<string, LoadSource>,
): Promise<ReadonlyMap<string, () => Promise<Source>>> {
  const found = folders ?? (await sourceFolders());
  return new Map([...found].map(([id, load]) => [id, () => loaded(id, load)]));
}

/** Every source type by its id, in order, as `sourceLoaders` loads them. */
export async function loadSources(
  folders?: ReadonlyMap<string, LoadSource>,
): Promise<ReadonlyMap<string, Source>> {
  const loaders = await sourceLoaders(folders);
  return new Map(await Promise.all([...loaders].map(async ([id, load]) => [id, await load()] as const)));
}

/** Loads a source type that the configuration names. What does so is loaded only then. */
export const loadType: LoadType = async (type) => (await import('./outside.ts')).loadOutside(type);

async function loaded(id: string, load: LoadSource): Promise<Source> {
  const { default: source } = await load();
  if (source?.id === id) return source;
  throw new Error(
    `sources/${id} must hold an index.ts that exports by default a source whose id is the folder's name, ${id}, or a source.yaml with that id.`,
  );
}
