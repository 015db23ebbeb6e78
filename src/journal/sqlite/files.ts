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

/** The files of a state directory. Nothing else in it is ours, and is left alone. */
export interface StateFiles {
  readonly directory: string;
  readonly database: string;
  /** Where a first database is made, before it gets its name. */
  readonly unfinished: string;
  readonly wal: string;
  /** The index of the log, shared by all who have the database open. */
  readonly shm: string;
  readonly lock: string;
  /** Who holds the lock. */
  readonly holder: string;
  /** How far the state was, by which a restored copy is known. */
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

/** Nobody but the owner may read what vendors told us. */
const FILE_MODE = 0o600;
export const DIRECTORY_MODE = 0o700;

/**
 * Makes an empty file of our mode, for SQLite to fill; SQLite gives its side files the same mode. Not for a database
 * that is open in this process: closing any handle of it drops the locks that SQLite holds on it.
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

/** Replaces a small file as a whole, also for who reads it at the same moment; it survives a power cut. */
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

/** Names of the copies of a database that were made before migrations, `penstock.db.v<N>`, oldest first. */
export function copiesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => /^penstock\.db\.v\d+$/.test(name))
    .toSorted((a, b) => copiedVersion(a) - copiedVersion(b));
}

/** The schema version that a copy has, by its name. */
export function copiedVersion(name: string): number {
  return Number(name.split('.v').at(-1));
}

/** What `statfs(2)` says, as far as it is used here. */
export interface FileSystemFacts {
  readonly type: number;
  /** Blocks that an unprivileged user may still take. */
  readonly bavail: number;
  /** Blocks there are. */
  readonly blocks: number;
  readonly bsize: number;
}

/** Lent, so that tests can be on any file system. Throws where the path does not exist. */
export type Statfs = (path: string) => FileSystemFacts;

export const systemStatfs: Statfs = (path) => statfsSync(path);

/**
 * Linux `f_type` of the file systems that are shared over a network: their locks and shared memory do not hold across
 * hosts, so SQLite's WAL does not work there (https://sqlite.org/wal.html). Numbers: `statfs(2)`, `linux/magic.h`.
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
  // Where the kernel's long has 32 bits, the high ones come out negative.
  return NETWORK.get(type >>> 0);
}

export function freeBytes({ bavail, bsize }: FileSystemFacts): number {
  return bavail * bsize;
}

export function sizeInBytes({ blocks, bsize }: FileSystemFacts): number {
  return blocks * bsize;
}
