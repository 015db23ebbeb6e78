import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { BUSY_TIMEOUT, isBusy, isCorrupt, isWriteFailure } from './connection.ts';
import { createFile, type StateFiles, syncToDisk } from './files.ts';
import { APPLICATION_ID, applyMigrations } from './schema.ts';

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

/**
 * Opens a database for reading through its write-ahead log, beside whoever writes to it. SQLite may have to make the
 * log's index for that; where it cannot (a full disk, a directory that is read-only) and nobody writes, it does without.
 */
export function openForReading(files: StateFiles): DatabaseSync {
  try {
    return opened(files.database);
  } catch (error) {
    if (!isWriteFailure(error) || isLocked(files)) throw error;
    return withoutSideFiles(files);
  }
}

/** The file alone: SQLite makes no side files and takes no locks, so that a database that is not ours is not touched. */
export function openUntouched({ database }: StateFiles): DatabaseSync {
  return new DatabaseSync(`${pathToFileURL(database).href}?immutable=1`, { readOnly: true });
}

/** Nobody writes: the log, if there is one, is read with an index in memory. */
function withoutSideFiles(files: StateFiles): DatabaseSync {
  if ((statSync(files.wal, { throwIfNoEntry: false })?.size ?? 0) === 0) return openUntouched(files);
  const location = `${pathToFileURL(files.database).href}?vfs=unix-none`;
  return opened(location, 'PRAGMA locking_mode = EXCLUSIVE');
}

/** The first read opens the log. */
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
 * What an integrity check finds wrong, in one line; undefined when all is well. It reads the whole database through its
 * log.
 * @throws what SQLite raises when the check cannot be made.
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

/** As `findDamage`, of a state's database that SQLite called corrupt, by a connection of its own. */
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
 * Opens a database that nobody else writes to, to look at it. Without a log it is opened for writing: what SQLite makes
 * beside it is gone when it is closed. A log that holds something stays as it is.
 */
export function openToCheck({ database, wal }: StateFiles): DatabaseSync {
  const hasLog = (statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > 0;
  return new DatabaseSync(database, { readOnly: hasLog, timeout: BUSY_TIMEOUT });
}
