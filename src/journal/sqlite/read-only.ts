import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import type { StateFiles } from './files.ts';
import { BUSY_TIMEOUT } from './pragma.ts';
import { isBusy, isWriteFailure } from './result-codes.ts';

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
