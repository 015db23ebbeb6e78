import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
