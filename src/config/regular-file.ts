import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** More than any secret or certificate has. Bytes. */
const LARGEST_SECRET = 1024 * 1024;
/** A larger file, or what is piped in, would take more time and memory to parse than a start may take. Bytes. */
const LARGEST_CONFIGURATION = 2 * 1024 * 1024;

/** How long the writer of a pipe may be silent, and how often it is looked at. Milliseconds. */
const PIPE_SILENCE = 10_000;
const PIPE_LOOK = 20;

/**
 * The bytes of a secret or certificate file. A device could have no end, and a FIFO no writer: neither is read.
 * @throws Error with `code` from the file system, or in words that fit in parentheses.
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
      if (silence >= PIPE_SILENCE) throw new Error('nothing was written to this pipe', { cause: error });
      await sleep(PIPE_LOOK);
      silence += PIPE_LOOK;
    }
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
  EISDIR: 'a directory',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'its name is too long',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

/** Why a file could not be read, to go into parentheses: `it does not exist`, `not a regular file`. */
export function whyNotRead(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return message;
  return WORDS[code] ?? 'the system reports an error';
}

function notRegular(stats: Stats): Error {
  return new Error(stats.isDirectory() ? 'a directory' : 'not a regular file');
}

/** A file that is read up to a size. */
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

  /** Reads what there is; false at the end. */
  read(): boolean {
    const read = readSync(this.#file, this.#buffer, this.#length, this.#buffer.length - this.#length, null);
    this.#length += read;
    if (this.#length > this.#largest) throw new Error(`larger than ${this.#largest / 1024} KiB`);
    return read > 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
