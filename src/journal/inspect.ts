import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { StateError } from '../errors.ts';
import { copiesIn } from './copies.ts';
import { isCorrupt } from './errors.ts';
import type { StateFiles } from './files.ts';
import { BUSY_TIMEOUT, pragma, schemaVersion } from './pragma.ts';
import { APPLICATION_ID } from './schema.ts';
import { corrupt, foreign, lostDatabase, newerSchema } from './state-problems.ts';

/** Larger databases are not read in full at every start: it would take longer than a CronJob has. */
const CHECKED_IN_FULL = 256 * 1024 * 1024;

/**
 * Looks at a directory without writing to it, before its lock is taken.
 * @returns whether there is a database; none means a first run.
 * @throws StateError lost, foreign, no database, newer.
 */
export function inspectDirectory(files: StateFiles, known: number): boolean {
  const evidence = traces(files);
  // After the traces, since a first database comes before them: another process may be making it now.
  if (!existsSync(files.database)) {
    if (evidence.length > 0) throw lostDatabase(files.directory, evidence);
    return false;
  }
  examine(files, untouched(files), (database) => {
    requireOurs(files, database, known);
  });
  return true;
}

/**
 * Reads the whole database through its write-ahead log, under the lock, before anything is written to it.
 * @throws StateError foreign, corrupt, newer.
 */
export function inspectDatabase(files: StateFiles, known: number): void {
  examine(files, existsSync(files.wal) ? files.database : untouched(files), (database) => {
    requireOurs(files, database, known);
    database.prepare('SELECT count(*) FROM sqlite_schema').get();
    if (statSync(files.database).size > CHECKED_IN_FULL) return;
    const [first] = database.prepare('PRAGMA quick_check(1)').all();
    const finding = String(Object.values(first ?? {})[0]);
    if (finding !== 'ok') throw corrupt(files.database, finding.replaceAll(/\s+/g, ' '));
  });
}

/** Immutable: SQLite makes no side files and takes no locks, so that a database that is not ours is not touched. */
function untouched({ database }: StateFiles): string {
  return `${pathToFileURL(database).href}?immutable=1`;
}

/** What shows that a directory without a database had one: a lock file is empty until the first one is complete. */
function traces({ directory, wal, lock }: StateFiles): readonly string[] {
  const found = [...copiesIn(directory)];
  if (existsSync(wal)) found.push('penstock.db-wal');
  if ((statSync(lock, { throwIfNoEntry: false })?.size ?? 0) > 0) found.push('penstock.lock');
  return found;
}

function requireOurs({ directory, database: path }: StateFiles, database: DatabaseSync, known: number): void {
  if (pragma(database, 'application_id') !== APPLICATION_ID) throw foreign(path);
  const found = schemaVersion(database);
  if (found > known) throw newerSchema({ path, found, known, copies: copiesIn(directory) });
}

function examine(files: StateFiles, location: string, look: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(location, { readOnly: true, timeout: BUSY_TIMEOUT });
  try {
    look(database);
  } catch (error) {
    if (error instanceof StateError || !isCorrupt(error)) throw error;
    throw corrupt(files.database, (error as Error).message, error);
  } finally {
    database.close();
  }
}
