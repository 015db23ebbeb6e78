import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../core/errors.ts';
import type { SourceFile } from './yaml.ts';
import type { Environment } from './types.ts';

interface Search {
  /** `--config`. */
  readonly file: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
}

const DEFAULT_FILES = ['penstock.yaml', '/etc/penstock/penstock.yaml'];

/** As `findConfig`; undefined when there is none. */
async function findAnyConfig({ file, env, cwd }: Search): Promise<string | undefined> {
  const named = namedConfig({ file, env });
  for (const candidate of named === undefined ? DEFAULT_FILES : [named])
    if (await exists(absolutePath(cwd, candidate))) return candidate;
  return undefined;
}

/** As `findConfig`; undefined when none is named and there is none at the default places. */
export async function findOptionalConfig(search: Search): Promise<string | undefined> {
  return namedConfig(search) === undefined ? findAnyConfig(search) : findConfig(search);
}

function namedConfig({ file, env }: Pick<Search, 'file' | 'env'>): string | undefined {
  return file ?? (env['PENSTOCK_CONFIG'] || undefined);
}

/**
 * Where the configuration is: `--config`, else `$PENSTOCK_CONFIG`, else `./penstock.yaml`, else
 * `/etc/penstock/penstock.yaml`.
 * @throws ConfigError that lists where it looked.
 */
export async function findConfig({ file, env, cwd }: Search): Promise<string> {
  const found = await findAnyConfig({ file, env, cwd });
  if (found !== undefined) return found;
  const named = namedConfig({ file, env });
  const candidates = named === undefined ? DEFAULT_FILES : [named];
  if (file !== undefined)
    throw new ConfigError([`There is no file or directory ${file} (from --config). Check the path.`]);
  const by = named === undefined ? '' : ' (from PENSTOCK_CONFIG)';
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
      `${path} cannot be read (${(error as Error).message}). Check its path and permissions.`,
    ]);
  }
  throw new ConfigError([
    `${path} contains no *.yaml or *.yml file. Put the configuration there, or name another path.`,
  ]);
}

async function filesOf(path: string, cwd: string): Promise<string[]> {
  if (!(await stat(absolutePath(cwd, path))).isDirectory()) return [path];
  // Names that begin with a dot belong to Kubernetes mounts and editors.
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
    // Any other error will show with its reason when the file is read.
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/**
 * The absolute form of a path as an operator writes it: relative ones count from `cwd`, and `~` and `~/…` are in the home
 * directory, since no shell expands it in a file.
 */
export function absolutePath(cwd: string, path: string): string {
  return resolve(
    cwd,
    path.replace(/^~(?=\/|$)/, () => homedir()),
  );
}

/** Whether a path names the home of another user (`~ann/…`), which is not supported. */
export function namesOtherHome(path: string): boolean {
  return /^~[^/]/.test(path);
}

/** Larger than any secret or certificate. Bytes. */
const LARGEST_SECRET = 1024 * 1024;
/** A larger configuration would take too much time and memory to parse. Bytes. */
const LARGEST_CONFIGURATION = 2 * 1024 * 1024;

/** How long to wait for more from a pipe, and how often to look. Milliseconds. */
const LONGEST_PIPE_SILENCE = 10_000;
const PIPE_INTERVAL = 20;

/**
 * The bytes of a secret or certificate file. Devices and FIFOs are errors: one may have no end, the other no writer.
 * @throws Error with `code` from the file system, or with a clause as its message.
 */
export function readRegularFile(path: string): Buffer {
  using file = new OpenFile(path, LARGEST_SECRET);
  if (!file.stats.isFile()) throw notRegular(file.stats);
  while (file.read());
  return file.content;
}

/** As `readRegularFile`, for configuration files, which may also be piped in (`--config <(…)`). */
export async function readConfigurationFile(path: string): Promise<Buffer> {
  using file = new OpenFile(path, LARGEST_CONFIGURATION);
  if (!file.stats.isFile() && !file.stats.isFIFO()) throw notRegular(file.stats);
  for (let silence = 0; ;) {
    try {
      if (!file.read()) return file.content;
      silence = 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      if (silence >= LONGEST_PIPE_SILENCE)
        throw new Error('nothing was written to this pipe', { cause: error });
      await sleep(PIPE_INTERVAL);
      silence += PIPE_INTERVAL;
    }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ELOOP: 'its symbolic links form a circle',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

/** Why a file could not be read, as a clause: `it does not exist`, `permission denied`. */
export function whyNotRead(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return message;
  return REASONS[code] ?? 'the system reports an error';
}

function notRegular(stats: Stats): Error {
  return new Error(stats.isDirectory() ? 'it is a directory' : 'it is not a regular file');
}

/** A file that is read up to a maximum size. */
class OpenFile implements Disposable {
  readonly #file: number;
  readonly #buffer: Buffer;
  readonly #largest: number;
  readonly stats: Stats;
  #length = 0;

  constructor(path: string, largest: number) {
    // Without O_NONBLOCK, opening a FIFO waits for somebody to write to it.
    this.#file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.stats = fstatSync(this.#file);
    this.#largest = largest;
    this.#buffer = Buffer.allocUnsafe(largest + 1);
  }

  get content(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  /** Reads what is available; false at the end. */
  read(): boolean {
    const read = readSync(this.#file, this.#buffer, this.#length, this.#buffer.length - this.#length, null);
    this.#length += read;
    if (this.#length > this.#largest) throw new Error(`it is larger than ${this.#largest / 1024} KiB`);
    return read > 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
