import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import { StateError } from '../../core/errors.ts';
import { createDatabase, openDatabase } from './database.ts';
import { translated } from './errors.ts';
import { DIRECTORY_MODE, stateFiles, syncToDisk, type StateFiles } from './files.ts';
import { inspectDatabase, inspectDirectory } from './inspect.ts';
import { migrate } from './migrate.ts';
import { networkFileSystem, type Statfs } from './network-fs.ts';
import { isCorrupt } from './result-codes.ts';
import { StateLock } from './state-lock.ts';
import { notADirectory, onNetwork, unusable } from './state-problems.ts';

export interface StateSettings {
  readonly path: string;
  readonly allowNetworkFs: boolean;
  readonly clock: Clock;
  readonly statfs: Statfs;
  /** What the holder is called; see `Holder`. */
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
 * Takes the state directory: an absent one, or one that never held a database, is a first run. All checks come before
 * the first write. The mode of an existing directory is the operator's affair.
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
      // Again, now that nobody else can make it between the look and the deed.
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

/** A file in the directory's place, or a network file system. */
export function requireUsablePlace(
  directory: string,
  { statfs, allowNetworkFs }: Pick<StateSettings, 'statfs' | 'allowNetworkFs'>,
): void {
  if (existsSync(directory) && !statSync(directory).isDirectory()) throw notADirectory(directory);
  const fileSystem = networkFileSystem(statfs(nearestExisting(directory)).type);
  if (fileSystem !== undefined && !allowNetworkFs) throw onNetwork(directory, fileSystem);
}

/** Whatever the operating system refuses while a state is opened is a state that cannot be used. */
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

/** Level by level: where a file system makes no directories, Node's own recursion never ends (`/proc`, tried). */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, DIRECTORY_MODE);
  } catch (error) {
    // Another process starts at the same moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  syncToDisk(dirname(directory));
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}
