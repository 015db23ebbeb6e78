import { closeSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';

/** The files of a state directory. Nothing else in it is ours, and is left alone. */
export interface StateFiles {
  readonly directory: string;
  readonly database: string;
  /** Where a first database is made, before it gets its name. */
  readonly unfinished: string;
  readonly wal: string;
  readonly lock: string;
}

export function stateFiles(directory: string): StateFiles {
  const database = join(directory, 'penstock.db');
  return {
    directory,
    database,
    unfinished: `${database}.new`,
    wal: `${database}-wal`,
    lock: join(directory, 'penstock.lock'),
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
