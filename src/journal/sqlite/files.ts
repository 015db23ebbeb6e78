import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** The files of a state directory. Penstock touches no other files in it. */
export interface StateFiles {
  readonly directory: string;
  readonly database: string;
  /** The first database before it is complete. */
  readonly unfinished: string;
  readonly wal: string;
  /** The index of the write-ahead log, shared by all processes that have the database open. */
  readonly shm: string;
  readonly lock: string;
  /** Which process holds the lock. */
  readonly holder: string;
  /** How far the state was, so that a restored copy is detected. */
  readonly last: string;
}

export function stateFiles(directory: string): StateFiles {
  const database = join(directory, 'penstock.db');
  return {
    directory,
    database,
    unfinished: `${database}.new`,
    wal: `${database}-wal`,
    shm: `${database}-shm`,
    lock: join(directory, 'penstock.lock'),
    holder: join(directory, 'penstock.holder'),
    last: join(directory, 'penstock.last'),
  };
}

/** Only the owner may read the vendors' data. */
const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/**
 * Creates an empty file with our mode, which SQLite fills; SQLite gives its side files the same mode. Do not call it for a
 * database that is open in this process: closing any handle of the file drops the locks that SQLite holds on it.
 */
export function createFile(path: string): void {
  closeSync(openSync(path, 'a', FILE_MODE));
}

/** Makes a file's content, or a directory's entries, survive a power cut. */
export function syncToDisk(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Replaces a small file atomically: a reader sees the old or the new content. The new one survives a power cut. */
export function replaceFile(path: string, content: string): void {
  const unfinished = `${path}.new`;
  try {
    writeFileSync(unfinished, content, { mode: FILE_MODE, flush: true });
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

/** Names of the database copies made before migrations, `penstock.db.v<N>`, oldest first. */
export function copiesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => /^penstock\.db\.v\d+$/.test(name))
    .toSorted((a, b) => copiedVersion(a) - copiedVersion(b));
}

/** The schema version of a copy, from its name. */
export function copiedVersion(name: string): number {
  return Number(name.split('.v').at(-1));
}

/** The results of `statfs(2)` that are used here. */
export interface FileSystemFacts {
  readonly type: number;
  /** Blocks that an unprivileged user may still take. */
  readonly bavail: number;
  /** All blocks. */
  readonly blocks: number;
  readonly bsize: number;
}

/** Injected, so that tests can pretend any file system. Throws when the path does not exist. */
export type Statfs = (path: string) => FileSystemFacts;

export const systemStatfs: Statfs = (path) => statfsSync(path);

/**
 * Linux `f_type` of network file systems. Their locks and shared memory do not work across hosts, so SQLite's WAL is not
 * safe there (https://sqlite.org/wal.html). Numbers: `statfs(2)`, `linux/magic.h`.
 */
const NETWORK = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
]);

/** The name of the network file system of this type, undefined for a local one. */
export function networkFileSystem(type: number): string | undefined {
  // On kernels whose long has 32 bits, large numbers come out negative.
  return NETWORK.get(type >>> 0);
}

export function freeBytes({ bavail, bsize }: FileSystemFacts): number {
  return bavail * bsize;
}

export function sizeInBytes({ blocks, bsize }: FileSystemFacts): number {
  return blocks * bsize;
}
