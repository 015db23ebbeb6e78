import { findOptionalConfig } from '../config/files.ts';
import type { OutsideTypes } from '../config/outside-types.ts';
import { loadType, sourceLoaders } from '../sources/registry.ts';
import type { Io } from './io.ts';

/**
 * The source types that the configuration names, if there is one: that of `--config`, else where it is looked for. Without one
 * nothing is loaded.
 * @throws ConfigError when it cannot be read, or a type cannot be loaded
 */
export async function outsideTypes(
  io: Io,
  flags: Readonly<Record<string, unknown>>,
): Promise<OutsideTypes['types']> {
  const { env, cwd } = io;
  const file = await findOptionalConfig({ file: flags['config'] as string | undefined, env, cwd });
  if (file === undefined) return new Map();
  const { loadNamedTypes } = await import('../config/named-types.ts');
  return loadNamedTypes(file, { env, cwd, types: await sourceLoaders(), loadType });
}
