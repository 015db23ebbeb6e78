import { existsSync, renameSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { createFile, syncToDisk, type StateFiles } from './files.ts';
import { BUSY_TIMEOUT } from './pragma.ts';
import { applyMigrations } from './migrate.ts';
import { APPLICATION_ID } from './schema.ts';

/** The write-ahead log is folded into the database when it has this many pages (4 KiB each), and keeps that size. */
const CHECKPOINT_PAGES = 500;

/**
 * Opens the database for writing. FULL: a commit that resolved survives a power cut. Temporary tables stay in
 * memory, because a container's root may be read-only.
 */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA temp_store = MEMORY;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA journal_size_limit = ${CHECKPOINT_PAGES * 4096};
    `);
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/**
 * Makes the first database. It gets its name only when it is complete and on disk, so that a crash here leaves a
 * directory that is still a first run.
 */
export function createDatabase(files: StateFiles, migrations: readonly string[]): void {
  const { unfinished } = files;
  for (const leftover of [unfinished, `${unfinished}-wal`, `${unfinished}-shm`, `${unfinished}-journal`]) {
    if (existsSync(leftover)) rmSync(leftover);
  }
  createFile(unfinished);
  const database = new DatabaseSync(unfinished);
  try {
    // Before the first table, since it cannot be set later: without it the file never gives space back.
    database.exec(`PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = ${APPLICATION_ID}`);
    applyMigrations(database, migrations);
  } finally {
    database.close();
  }
  syncToDisk(unfinished);
  renameSync(unfinished, files.database);
  syncToDisk(files.directory);
}
