import { existsSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { StateError } from '../../core/errors.ts';
import { copiesIn } from './copies.ts';
import { translated } from './errors.ts';
import type { StateFiles } from './files.ts';
import { findDamage, openToCheck } from './integrity.ts';
import { pragma, schemaVersion } from './pragma.ts';
import { openForReading, openUntouched } from './read-only.ts';
import { isCorrupt } from './result-codes.ts';
import { requireKnownTables } from './schema-check.ts';
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
  requireOurs(files, identityInFile(files) ?? identityThroughLog(files), known);
  return true;
}

/**
 * Reads the whole database through its write-ahead log, under the lock, before anything is written to it.
 * @throws StateError foreign, corrupt, newer, of a build that was not released.
 */
export function inspectDatabase(files: StateFiles, migrations: readonly string[]): void {
  using database = openToCheck(files);
  try {
    requireOurs(files, identityOf(database), migrations.length);
    if (statSync(files.database).size <= CHECKED_IN_FULL) {
      const damage = findDamage(database, 'quick_check');
      if (damage !== undefined) throw corrupt(files.database, damage);
    }
    requireKnownTables(database, files.database, migrations);
  } catch (error) {
    throw error instanceof StateError ? error : translated(error, files);
  }
}

/**
 * Looks at the tables through the write-ahead log, beside whoever holds the state.
 * @returns the database's version
 * @throws StateError of a build that was not released
 */
export function inspectTables(files: StateFiles, migrations: readonly string[]): number {
  using database = openForReading(files);
  return requireKnownTables(database, files.database, migrations);
}

/** What shows that a directory without a database had one: a lock file is empty until the first one is complete. */
function traces({ directory, wal, lock, last }: StateFiles): readonly string[] {
  const found = [...copiesIn(directory)];
  if (existsSync(wal)) found.push('penstock.db-wal');
  if (existsSync(last)) found.push('penstock.last');
  if ((statSync(lock, { throwIfNoEntry: false })?.size ?? 0) > 0) found.push('penstock.lock');
  return found;
}

/** By which an application and its release know a database. */
interface Identity {
  readonly application: number;
  readonly version: number;
}

function identityOf(database: DatabaseSync): Identity {
  return { application: pragma(database, 'application_id'), version: schemaVersion(database) };
}

/**
 * By the file alone, so that a database that is not ours is not touched. Both numbers are in the file before anybody
 * else can open it, and the version only grows. Undefined where the file needs its log to make sense: while it is
 * written, and after a crash in the middle of that.
 */
function identityInFile(files: StateFiles): Identity | undefined {
  using database = openUntouched(files);
  try {
    return identityOf(database);
  } catch (error) {
    if (isCorrupt(error)) return undefined;
    throw error;
  }
}

function identityThroughLog(files: StateFiles): Identity {
  try {
    using database = openForReading(files);
    return identityOf(database);
  } catch (error) {
    throw translated(error, files);
  }
}

function requireOurs({ directory, database: path }: StateFiles, found: Identity, known: number): void {
  if (found.application !== APPLICATION_ID) throw foreign(path);
  if (found.version <= known) return;
  throw newerSchema({ path, found: found.version, known, copies: copiesIn(directory) });
}
