import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import type { SourceFile } from './parse-files.ts';
import { absolutePath } from './path.ts';
import { readConfigurationFile } from './regular-file.ts';

interface Search {
  /** `--config`. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * Where the configuration is: `--config`, else `$PENSTOCK_CONFIG`, else `./penstock.yaml`, else
 * `/etc/penstock/penstock.yaml`.
 * @throws ConfigError that says where it looked.
 */
export async function findConfig({ file, env, cwd }: Search): Promise<string> {
  const named = file ?? (env['PENSTOCK_CONFIG'] || undefined);
  const candidates = named === undefined ? ['penstock.yaml', '/etc/penstock/penstock.yaml'] : [named];
  for (const candidate of candidates) if (await exists(absolutePath(cwd, candidate))) return candidate;
  const by = named !== undefined && file === undefined ? ' (from PENSTOCK_CONFIG)' : '';
  throw new ConfigError([
    `No configuration at ${candidates.join(' or ')}${by}. Name a file or a directory with --config or PENSTOCK_CONFIG, ` +
      'or see the complete example config/penstock.yaml; `penstock demo` needs none.',
  ]);
}

/**
 * The file, or the `*.yaml` and `*.yml` of the directory in the order of their names.
 * @throws ConfigError when it cannot be read, or holds no such file.
 */
export async function readConfig(path: string, cwd: string): Promise<SourceFile[]> {
  try {
    const names = await filesOf(path, cwd);
    if (names.length > 0) return await Promise.all(names.map((file) => read(file, cwd)));
  } catch (error) {
    throw new ConfigError([
      `${path} cannot be read (${(error as Error).message}). Check its path and its rights.`,
    ]);
  }
  throw new ConfigError([
    `${path} holds no *.yaml or *.yml file. Put the configuration there, or name another path.`,
  ]);
}

async function filesOf(path: string, cwd: string): Promise<string[]> {
  if (!(await stat(absolutePath(cwd, path))).isDirectory()) return [path];
  // Names that begin with a dot are the machinery of Kubernetes' mounts, and editors' leftovers.
  const names = (await readdir(absolutePath(cwd, path))).filter((name) => /^[^.].*\.ya?ml$/.test(name));
  return names.toSorted().map((name) => join(path, name));
}

async function read(file: string, cwd: string): Promise<SourceFile> {
  const bytes = await readConfigurationFile(absolutePath(cwd, file));
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    throw new Error(`${file} is not valid UTF-8`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    // Anything but "not there" is said aloud by the one who reads it, with its reason.
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
