import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import { StateError } from '../../core/errors.ts';
import { isCorrupt, pragma, schemaVersion } from './connection.ts';
import {
  copiesIn,
  DIRECTORY_MODE,
  networkFileSystem,
  stateFiles,
  type StateFiles,
  type Statfs,
  syncToDisk,
} from './files.ts';
import { StateLock } from './guard.ts';
import {
  createDatabase,
  findDamage,
  openDatabase,
  openForReading,
  openToCheck,
  openUntouched,
} from './database.ts';
import {
  corrupt,
  foreign,
  lostDatabase,
  newerSchema,
  notADirectory,
  onNetwork,
  translated,
  unreleasedSchema,
  unusable,
} from './problems.ts';
import { APPLICATION_ID, applyMigrations, migrate } from './schema.ts';

export interface StateSettings {
  readonly path: string;
  readonly allowNetworkFs: boolean;
  readonly clock: Clock;
  readonly statfs: Statfs;
  /** The command of the holder; see `Holder`. */
  readonly command?: string | undefined;
  readonly migrations: readonly string[];
}

/** A state that this process holds: nobody else writes to it until both are closed. */
export interface HeldState {
  readonly files: StateFiles;
  readonly database: DatabaseSync;
  readonly lock: StateLock;
}

/**
 * Takes the state directory. A missing directory, or one that never held a database, is a first run. All checks come before
 * the first write. The mode of an existing directory is not changed.
 * @throws StateError in use, lost, foreign, corrupt, newer, of a build that was not released, on a network, not writable, no space.
 */
export function holdState(settings: StateSettings): HeldState {
  const files = stateFiles(resolve(settings.path));
  return orUnusable(files, () => {
    requireUsablePlace(files.directory, settings);
    const known = settings.migrations.length;
    if (existsSync(files.directory)) inspectDirectory(files, known);
    makeDirectory(files.directory);
    const lock = StateLock.take(files);
    try {
      // Again under the lock: another process may have created it since the first check.
      if (inspectDirectory(files, known)) inspectDatabase(files, settings.migrations);
      else createDatabase(files, settings.migrations);
      lock.markComplete();
      lock.note(settings.command, settings.clock.now());
      return { files, lock, database: openOwn(files, settings) };
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  });
}

/** @throws StateError when the path is a file, or on a network file system that was not allowed */
export function requireUsablePlace(
  directory: string,
  { statfs, allowNetworkFs }: Pick<StateSettings, 'statfs' | 'allowNetworkFs'>,
): void {
  if (existsSync(directory) && !statSync(directory).isDirectory()) throw notADirectory(directory);
  const fileSystem = networkFileSystem(statfs(nearestExisting(directory)).type);
  if (fileSystem !== undefined && !allowNetworkFs) throw onNetwork(directory, fileSystem);
}

/** Any error of the operating system while a state is opened becomes a StateError. */
export function orUnusable<T>(files: StateFiles, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const meaning = isCorrupt(error) ? translated(error, files) : error;
    throw meaning instanceof StateError ? meaning : unusable(files.directory, meaning);
  }
}

function openOwn(files: StateFiles, { migrations }: StateSettings): DatabaseSync {
  const database = openDatabase(files.database);
  try {
    migrate(database, files, migrations);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** One level at a time: on a file system that creates no directories (`/proc`), Node's recursive mkdir never ends. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, DIRECTORY_MODE);
  } catch (error) {
    // Another process created it at the same moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  syncToDisk(dirname(directory));
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

/** Larger databases are not checked at every start: it would take longer than a CronJob has. Bytes. */
const CHECKED_IN_FULL = 256 * 1024 * 1024;

/**
 * Inspects a directory without writing to it, before its lock is taken.
 * @returns whether there is a database; none means a first run.
 * @throws StateError lost, foreign, no database, newer.
 */
export function inspectDirectory(files: StateFiles, known: number): boolean {
  const evidence = traces(files);
  // After the traces, because a first database exists before them: another process may be creating it now.
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
 * Inspects the tables through the write-ahead log, beside the process that holds the state.
 * @returns the database's version
 * @throws StateError of a build that was not released
 */
export function inspectTables(files: StateFiles, migrations: readonly string[]): number {
  using database = openForReading(files);
  return requireKnownTables(database, files.database, migrations);
}

/** Files that show that a directory without a database had one. A lock file is empty until the first one is complete. */
function traces({ directory, wal, lock, last }: StateFiles): readonly string[] {
  const found = [...copiesIn(directory)];
  if (existsSync(wal)) found.push('penstock.db-wal');
  if (existsSync(last)) found.push('penstock.last');
  if ((statSync(lock, { throwIfNoEntry: false })?.size ?? 0) > 0) found.push('penstock.lock');
  return found;
}

/** The numbers that identify the application and the release of a database. */
interface Identity {
  readonly application: number;
  readonly version: number;
}

function identityOf(database: DatabaseSync): Identity {
  return { application: pragma(database, 'application_id'), version: schemaVersion(database) };
}

/**
 * Read from the file alone, so that a foreign database is not touched. Both numbers are in the file before anybody else can
 * open it, and the version only grows. Undefined when the file makes no sense without its log: during a checkpoint, and
 * after a crash in one.
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

/**
 * Compares a database's tables with those of its version. Before the first release the schema changed and stayed version 1,
 * so the number alone does not show whether this build can read a state.
 * @returns the database's version, which is not above the length of `migrations`
 * @throws StateError made by a build that was not released
 */
export function requireKnownTables(
  database: DatabaseSync,
  path: string,
  migrations: readonly string[],
): number {
  // All reads see one moment: the holder may be migrating.
  database.exec('BEGIN');
  try {
    const version = schemaVersion(database);
    const differing = differences(outline(database), outlineOf(migrations.slice(0, version)));
    if (differing.length > 0) throw unreleasedSchema(path, version, differing);
    return version;
  } finally {
    database.exec('COMMIT');
  }
}

/** The definition of each table, index and trigger, by its name. */
type Outline = ReadonlyMap<string, string>;

/**
 * Tables by their columns, because SQLite rewrites their SQL when they are altered; indexes and triggers by their SQL.
 */
const OUTLINE = `
  SELECT type || ' ' || name AS name,
    CASE type WHEN 'table'
      THEN (SELECT json_group_array(json_array(c.name, c.type, c."notnull", c.dflt_value, c.pk)) FROM pragma_table_info(o.name) AS c)
      ELSE tbl_name || ' ' || sql
    END AS made
  FROM sqlite_schema AS o WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
`;

function outline(database: DatabaseSync): Outline {
  const rows = database.prepare(OUTLINE).all() as { name: string; made: string }[];
  return new Map(rows.map(({ name, made }) => [name, made.replaceAll(/\s+/g, ' ')]));
}

function outlineOf(migrations: readonly string[]): Outline {
  using database = new DatabaseSync(':memory:');
  applyMigrations(database, migrations);
  return outline(database);
}

/** In words, such as `table held is missing`. */
function differences(found: Outline, known: Outline): string[] {
  return [...new Set([...known.keys(), ...found.keys()])].flatMap((name) => {
    if (!found.has(name)) return [`${name} is missing`];
    if (!known.has(name)) return [`${name} is unknown`];
    return found.get(name) === known.get(name) ? [] : [`${name} is different`];
  });
}
