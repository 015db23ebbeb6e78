import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock, type Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { Connection } from './connection.ts';
import { isLocked, openDatabase, openForReading } from './database.ts';
import { olderSchema, translated } from './problems.ts';
import { stateFiles, type StateFiles, type Statfs, systemStatfs } from './files.ts';
import { currentHolder } from './guard.ts';
import {
  holdState,
  inspectDirectory,
  inspectTables,
  orUnusable,
  requireUsablePlace,
} from './state-directory.ts';
import type { Holder, JobJournal, Journal, JournalView, QuotaJournal } from '../journal.ts';
import { applyMigrations, MIGRATIONS } from './schema.ts';
import { SqliteJournal } from './sqlite-journal.ts';

export interface StateOptions {
  /** The state directory. */
  readonly path: string;
  readonly allowNetworkFs?: boolean;
  readonly clock?: Clock;
  readonly statfs?: Statfs;
  readonly log?: Logger;
  /** The command that holds the state, for the error of a second process: `run` for a daemon. */
  readonly command?: string;
  /** The schema's steps; tests bring their own. */
  readonly migrations?: readonly string[];
}

export interface JournalOptions extends StateOptions {
  /** Cap on database and write-ahead log, bytes. */
  readonly maxBytes: number;
  /** How long delivered pages are kept, milliseconds; 0 is legal. */
  readonly retain: number;
}

/**
 * Opens the state as its only holder. It is created on a first run.
 * @throws StateError in use by another process, lost, foreign, corrupt, newer, of a build that was not released, on a
 * network, not writable, no space.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const settings = withDefaults(options);
  const { maxBytes, retain } = options;
  const held = holdState(settings);
  return orUnusable(held.files, () => {
    try {
      return new SqliteJournal({ ...settings, ...held, maxBytes, retain });
    } catch (error) {
      held.database.close();
      held.lock[Symbol.dispose]();
      throw error;
    }
  });
}

/**
 * Opens the state for reading beside the process that holds it. One that does not exist reads as empty, and is not created.
 * @throws StateError lost, foreign, corrupt, of another schema version, not readable.
 */
export async function openJournalReadOnly(
  path: string,
  options: Omit<StateOptions, 'path'> = {},
): Promise<JournalView> {
  const settings = withDefaults({ ...options, path, allowNetworkFs: true });
  const files = stateFiles(resolve(path));
  const database = openViewDatabase(settings);
  return orUnusable(
    files,
    () => new SqliteJournal({ ...settings, database, files, maxBytes: Infinity, retain: Infinity }),
  );
}

/**
 * Opens the state for reading and for spending quotas, beside the process that holds it. One that does not exist is not
 * created: then spent requests are remembered for the life of the process.
 * @throws StateError as `openJournal`; in use only when it must be migrated first.
 */
export async function openJournalForQuotas(options: StateOptions): Promise<QuotaJournal> {
  return openBeside(options);
}

/**
 * Opens the state in order to leave jobs for the process that holds it, and to follow them.
 * @throws StateError as `openJournalForQuotas`
 */
export async function openJournalForJobs(options: StateOptions): Promise<JobJournal> {
  return openBeside(options);
}

/**
 * Whether there is a state in this directory. Writes nothing.
 * @throws StateError the path is a file, lost, foreign, newer.
 */
export function isStateThere(path: string): boolean {
  const settings = withDefaults({ path, allowNetworkFs: true });
  const files = stateFiles(resolve(path));
  return orUnusable(files, () => isThere(files, settings));
}

/** Whether a process holds the state of this directory now. Takes no lock and creates nothing. */
export function isStateHeld(path: string): boolean {
  const files = stateFiles(resolve(path));
  return orUnusable(files, () => isLocked(files));
}

/** The process that holds the state of this directory; undefined when there is none, or when it is not known. */
export function stateHolder(path: string): Holder | undefined {
  return isStateHeld(path) ? currentHolder(stateFiles(resolve(path))) : undefined;
}

/**
 * Changes the tables of a state in one transaction, as its only holder.
 * @throws StateError as `openJournal`
 */
export function changeState<T>(options: StateOptions, work: (connection: Connection) => T): T {
  const settings = withDefaults(options);
  const held = holdState(settings);
  return orUnusable(held.files, () => {
    try {
      const connection = connect(held.database, held.files);
      return connection.transact(() => work(connection));
    } finally {
      held.database.close();
      held.lock[Symbol.dispose]();
    }
  });
}

/**
 * Reads the tables of a state as of one moment, beside the process that holds it. One that does not exist reads as empty.
 * @throws StateError as `openJournalReadOnly`
 */
export function readState<T>(options: StateOptions, work: (connection: Connection) => T): T {
  const database = openViewDatabase(withDefaults({ ...options, allowNetworkFs: true }));
  const connection = connect(database, stateFiles(resolve(options.path)));
  try {
    // All reads see one moment: a commit between two of them is not seen.
    connection.exec('BEGIN');
    return work(connection);
  } catch (error) {
    throw translated(error, stateFiles(resolve(options.path)));
  } finally {
    connection.close();
  }
}

function connect(database: DatabaseSync, files: StateFiles): Connection {
  return new Connection(database, {
    requirePresent: () => undefined,
    translate: (error) => translated(error, files),
  });
}

function openBeside(options: StateOptions): SqliteJournal {
  const settings = withDefaults(options);
  const files = stateFiles(resolve(options.path));
  return orUnusable(files, () => {
    const exists = isThere(files, settings);
    if (exists && inspectTables(files, settings.migrations) < settings.migrations.length) {
      const held = holdState(settings);
      held.database.close();
      held.lock[Symbol.dispose]();
    }
    const database = exists ? openDatabase(files.database) : emptyState(settings.migrations);
    return new SqliteJournal({ ...settings, database, files, maxBytes: Infinity, retain: Infinity });
  });
}

function withDefaults({ path, allowNetworkFs = false, clock = systemClock, ...rest }: StateOptions) {
  const { statfs = systemStatfs, migrations = MIGRATIONS, log, command } = rest;
  return { path, allowNetworkFs, clock, statfs, migrations, log, command };
}

function openViewDatabase(settings: ReturnType<typeof withDefaults>): DatabaseSync {
  const files = stateFiles(resolve(settings.path));
  return orUnusable(files, () => {
    const exists = isThere(files, settings);
    if (exists) requireCurrent(files, settings.migrations);
    return exists ? openForReading(files) : emptyState(settings.migrations);
  });
}

function isThere(files: StateFiles, settings: ReturnType<typeof withDefaults>): boolean {
  requireUsablePlace(files.directory, settings);
  return existsSync(files.directory) && inspectDirectory(files, settings.migrations.length);
}

function emptyState(migrations: readonly string[]): DatabaseSync {
  const database = new DatabaseSync(':memory:');
  applyMigrations(database, migrations);
  return database;
}

function requireCurrent(files: StateFiles, migrations: readonly string[]): void {
  const found = inspectTables(files, migrations);
  if (found < migrations.length) throw olderSchema(files.database, found, migrations.length);
}
