import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { BUSY_TIMEOUT, isBusy, isCorrupt, isWriteFailure } from './connection.ts';
import { createFile, type StateFiles, syncToDisk } from './files.ts';
import { APPLICATION_ID, applyMigrations } from './schema.ts';

/** The write-ahead log is checkpointed into the database at this many pages (4 KiB each), and keeps that size. */
const CHECKPOINT_PAGES = 500;

/**
 * Opens the database for writing. `synchronous = FULL`: a commit that resolved survives a power cut. Temporary tables stay in
 * memory, because the root file system of a container may be read-only.
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
 * Creates the first database. It gets its name only when it is complete and on disk, so that after a crash here the
 * directory is still a first run.
 */
export function createDatabase(files: StateFiles, migrations: readonly string[]): void {
  const { unfinished } = files;
  for (const leftover of [unfinished, `${unfinished}-wal`, `${unfinished}-shm`, `${unfinished}-journal`]) {
    if (existsSync(leftover)) rmSync(leftover);
  }
  createFile(unfinished);
  const database = new DatabaseSync(unfinished);
  try {
    // Cannot be set after the first table; without it the file never shrinks.
    database.exec(`PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = ${APPLICATION_ID}`);
    applyMigrations(database, migrations);
  } finally {
    database.close();
  }
  syncToDisk(unfinished);
  renameSync(unfinished, files.database);
  syncToDisk(files.directory);
}

/**
 * Opens a database for reading through its write-ahead log, beside the process that writes to it. SQLite may have to create
 * the index of the log. Where it cannot (a full disk, a read-only directory) and nobody writes, the index is in memory.
 */
export function openForReading(files: StateFiles): DatabaseSync {
  try {
    return opened(files.database);
  } catch (error) {
    if (!isWriteFailure(error) || isLocked(files)) throw error;
    return withoutSideFiles(files);
  }
}

/** Opens the file alone: SQLite creates no side files and takes no locks, so that a foreign database is not touched. */
export function openUntouched({ database }: StateFiles): DatabaseSync {
  return new DatabaseSync(`${pathToFileURL(database).href}?immutable=1`, { readOnly: true });
}

/** For when nobody writes: the log, if there is one, is read with an index in memory. */
function withoutSideFiles(files: StateFiles): DatabaseSync {
  if ((statSync(files.wal, { throwIfNoEntry: false })?.size ?? 0) === 0) return openUntouched(files);
  const location = `${pathToFileURL(files.database).href}?vfs=unix-none`;
  return opened(location, 'PRAGMA locking_mode = EXCLUSIVE');
}

/** Reads once, because SQLite opens the log at the first read. */
function opened(location: string, settings = ''): DatabaseSync {
  const database = new DatabaseSync(location, { readOnly: true, timeout: BUSY_TIMEOUT });
  try {
    database.exec(settings);
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Whether a process holds the lock of the state now. */
export function isLocked({ lock }: StateFiles): boolean {
  if (!existsSync(lock)) return false;
  const database = new DatabaseSync(lock, { readOnly: true, timeout: 0 });
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
}

type Check = 'integrity_check' | 'quick_check';

/**
 * The first damage that an integrity check finds, in one line; undefined when there is none. Reads the whole database
 * through its log.
 * @throws the error of SQLite when the check cannot run
 */
export function findDamage(database: DatabaseSync, check: Check): string | undefined {
  try {
    const [first] = database.prepare(`PRAGMA ${check}(1)`).all();
    const finding = String(Object.values(first ?? {})[0]);
    return finding === 'ok' ? undefined : finding.replaceAll(/\s+/g, ' ');
  } catch (error) {
    if (isCorrupt(error)) return (error as Error).message;
    throw error;
  }
}

/** As `findDamage`, on a new connection, after SQLite reported corruption. */
export function findDamageIn(files: StateFiles): string | undefined {
  try {
    using database = openForReading(files);
    return findDamage(database, 'integrity_check');
  } catch (error) {
    if (isCorrupt(error)) return (error as Error).message;
    throw error;
  }
}

/**
 * Opens a database that nobody else writes to, in order to check it. Without a log it is opened for writing, so that SQLite
 * removes its side files at the end. A log that holds something stays as it is.
 */
export function openToCheck({ database, wal }: StateFiles): DatabaseSync {
  const hasLog = (statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > 0;
  return new DatabaseSync(database, { readOnly: hasLog, timeout: BUSY_TIMEOUT });
}
