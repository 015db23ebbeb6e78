import type { Source } from '../core/source.ts';
import { sourceFolders, type LoadSource } from './folders.ts';

/**
 * Every source type by its id, in order. Nothing else imports a source, so that adding one is adding its folder.
 *
 * @throws Error when a folder exports no source, or one whose `id` is not the folder’s name.
 */
export async function loadSources(
  folders?: ReadonlyMap<string, LoadSource>,
): Promise<ReadonlyMap<string, Source>> {
  const loading = [...(folders ?? (await sourceFolders()))].map(
    async ([id, load]) => [id, await loaded(id, load)] as const,
  );
  return new Map(await Promise.all(loading));
}

async function loaded(id: string, load: LoadSource): Promise<Source> {
  const { default: source } = await load();
  if (source?.id === id) return source;
  throw new Error(
    `sources/${id}/index.ts must export by default a source whose id is the folder's name, ${id}.`,
  );
}
