import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { explain, StateError } from '../../core/errors.ts';
import { type Holder, JournalWriteError, StateDiskError, StateInUseError } from '../journal.ts';
import {
  isCorrupt,
  isDiskError,
  isFull,
  isNotOpened,
  isReadOnly,
  mayPass,
  resultCode,
} from './connection.ts';
import { copiedVersion, freeBytes, type StateFiles, systemStatfs } from './files.ts';
import { findDamageIn } from './database.ts';

/** What an error of the store means to the rest of Penstock; errors that are not the store's come back as they are. */
export function translated(error: unknown, files: StateFiles): unknown {
  if (resultCode(error) === undefined) return error;
  if (isCorrupt(error)) return proven(error, files);
  if (isReadOnly(error)) {
    return new StateError(
      `The database in ${files.directory} cannot be written. Check its owner, its mode and its mount.`,
      { cause: error },
    );
  }
  if (!mayPass(error)) return error;
  const words =
    diskFailure(error, files.directory) ??
    `The journal in ${files.directory} could not be written or read: ${explain(error)}.`;
  return new JournalWriteError(`${words} The state is as it was before.`, { cause: error });
}

/** SQLite also calls a database corrupt that another process is changing: only a check through the log proves it. */
function proven(error: unknown, files: StateFiles): Error {
  let doubt: string;
  try {
    const damage = findDamageIn(files);
    if (damage !== undefined) return corrupt(files.database, damage, error);
    doubt = 'an integrity check finds nothing wrong';
  } catch (failure) {
    doubt = `an integrity check could not be made (${diskFailure(failure, files.directory) ?? explain(failure)})`;
  }
  return new JournalWriteError(
    `The journal in ${files.directory} could not be read (${explain(error)}), yet ${doubt}. The state is left as it is; try again.`,
    { cause: error },
  );
}

/** Why a state directory cannot be used, and the operator's choices. Exit 5. */

export function notADirectory(path: string): StateError {
  return new StateError(
    `The state path ${path} is not a directory. Move the file away, or set state.path to a directory.`,
  );
}

export function onNetwork(path: string, fileSystem: string): StateError {
  return new StateError(
    `The state directory ${path} is on a network file system (${fileSystem}), where the database's write-ahead log is not safe. ` +
      'Set state.path to a local disk or a block volume, or accept the risk with state.allow_network_fs: true.',
  );
}

export function lostDatabase(path: string, evidence: readonly string[]): StateError {
  return new StateError(
    `The state directory ${path} has lost its database: penstock.db is missing, yet ${evidence.join(', ')} shows that there was one. ` +
      'Choose: mount or restore the right directory; restore penstock.db from a backup or a penstock.db.v<N> copy (without penstock.db-wal and -shm); ' +
      'or, to begin again (sources start at their initial_lookback, and updates and counters get new ids), move everything out of the directory.',
  );
}

export function foreign(path: string): StateError {
  return new StateError(
    `${path} is a database of another application (or an empty file). It is left as it is. Set state.path to a directory of Penstock's own, or move the file away to begin again.`,
  );
}

export function corrupt(path: string, finding: string, cause?: unknown): StateError {
  return new StateError(
    `${path} is corrupt or no database: ${finding}. It is left as it is. Choose: restore it from a backup or a penstock.db.v<N> copy ` +
      '(without penstock.db-wal and -shm), or move the whole directory away to begin again; keep a copy, since events in it may be recoverable.',
    cause === undefined ? {} : { cause },
  );
}

interface Newer {
  readonly path: string;
  readonly found: number;
  readonly known: number;
  /** Names of the copies that were made before migrations. */
  readonly copies: readonly string[];
}

export function newerSchema({ path, found, known, copies }: Newer): StateError {
  const usable = copies.filter((name) => copiedVersion(name) <= known);
  const back =
    usable.length === 0
      ? 'There is no older copy beside it.'
      : `To go back: stop Penstock, move penstock.db, penstock.db-wal and penstock.db-shm out of the directory, and rename ${usable.join(' or ')} to penstock.db; what was collected since that copy is not in it.`;
  return new StateError(
    `${path} was written by a newer release (schema version ${found}, this release knows ${known}). Use that release again. ${back}`,
  );
}

export function olderSchema(path: string, found: number, known: number): StateError {
  return new StateError(
    `${path} has schema version ${found}, and this release reads ${known}. Start this release's \`penstock run\` or \`penstock once\` first: it migrates the state.`,
  );
}

/** Of how many differences a message names the first. */
const DIFFERENCES_NAMED = 3;

export function unreleasedSchema(path: string, version: number, differences: readonly string[]): StateError {
  const more = differences.length - DIFFERENCES_NAMED;
  const named = [...differences.slice(0, DIFFERENCES_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(
    ', ',
  );
  return new StateError(
    `${path} was made by an earlier build of Penstock that was not released: it says schema version ${version}, and its tables are others (${named}). ` +
      'It is left as it is. Choose: deliver what it holds with the build that made it (`penstock once` until `penstock status` shows nothing undelivered); ' +
      'or start with an empty directory: set state.path to one, or move the whole directory away (sources then start at their initial_lookback).',
  );
}

export function locked(path: string, holder: Holder | undefined): StateInUseError {
  return new StateInUseError(
    `The state in ${path} is in use by ${holderWords(holder)}. Stop that process first, or give this one a state.path of its own; the lock ends with its holder.`,
    holder,
  );
}

export function unusable(path: string, cause: unknown): StateError {
  const disk = diskFailure(cause, path);
  if (disk !== undefined) return new StateDiskError(disk, { cause });
  return new StateError(
    `The state directory ${path} cannot be used: ${explain(cause)}. Check that it exists or can be made, that this user may write to it, and that the disk has space.`,
    { cause },
  );
}

export function replaced(path: string): StateError {
  return new StateError(
    `${path} was removed or replaced while Penstock had it open; what is committed now would be lost with it. Restore the state directory, then start Penstock again.`,
  );
}

export function logReplaced(path: string): StateError {
  return new StateError(
    `${path} was removed or replaced while Penstock had it open; it is part of the database, and what is committed now would be lost with it. Leave the files of the state directory alone while Penstock runs, then start it again; what was committed is folded into the database if nobody else has it open.`,
  );
}

export function lockReplaced(path: string): StateError {
  return new StateError(
    `${path} was removed or replaced while Penstock held it, so that another process could use the state as well. Make sure that none does, leave the files of the state directory alone while Penstock runs, then start it again.`,
  );
}

export function changedSource(name: string, was: string, is: string): StateError {
  return new StateError(
    `The state knows source ${name} as ${was}, and the configuration says ${is}. Choose: give the new source another name; ` +
      `put type, base_url and account back; forget what is known of it with: penstock state reset ${name}; or use another state.path.`,
  );
}

/** Who holds the state, in words. */
function holderWords(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process (which has not said yet which it is)';
  const { pid, host, since, command } = holder;
  const name = command === undefined ? '' : ` (penstock ${command})`;
  return `process ${pid} on host ${host}${name}, since ${since}`;
}

const FULL = ['ENOSPC', 'EDQUOT'];
const FAILED = ['EIO', 'EROFS', 'ENXIO', 'ENODEV', 'ESTALE'];
/** With less than this free, a write that failed without a better reason failed for want of space. Bytes. */
const AS_GOOD_AS_FULL = 256 * 1024;

/**
 * What a disk that is full or fails did, in words: which path, how much is free, what to do. Undefined when the error is
 * not about the disk.
 */
export function diskFailure(error: unknown, path: string): string | undefined {
  const cause = causes(error).find((one) => kindOf(one) !== undefined || isNotOpened(one));
  if (cause === undefined) return undefined;
  // SQLite does not pass on what the system told it.
  const reason = resultCode(cause) === undefined || isFull(cause) ? undefined : tryToWrite(path);
  const free = freeAt(path);
  const isShort = free !== undefined && free < AS_GOOD_AS_FULL && !isNotOpened(cause);
  const kind = kindOf(reason) ?? (isShort ? 'full' : kindOf(cause));
  if (kind === undefined) return undefined;
  const words = [cause, ...(reason === undefined ? [] : [reason])].map(wordsOf).join('; ');
  const room = free === undefined ? '' : ` ${inUnits(free)} are free there.`;
  return kind === 'full'
    ? `The disk is full: ${path} could not be written (${words}).${room} Make room there, or set state.path to a disk that has some.`
    : `The disk failed: ${path} could not be read or written (${words}).${room} See the system's log for what is wrong with it.`;
}

function kindOf(error: unknown): 'full' | 'failed' | undefined {
  if (isFull(error) || FULL.includes(codeOf(error))) return 'full';
  return isDiskError(error) || FAILED.includes(codeOf(error)) ? 'failed' : undefined;
}

/** What the system says to a page that is written into a directory now; undefined when it takes it. */
function tryToWrite(directory: string): unknown {
  const file = join(directory, 'penstock.probe');
  try {
    const handle = openSync(file, 'w', 0o600);
    try {
      writeSync(handle, Buffer.alloc(4096), 0, 4096, 0);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
      rmSync(file);
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The error, what caused it, and what a failing clean-up put it into. */
function causes(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return [];
  const { error: inner, suppressed } = error as Partial<SuppressedError>;
  return [error, ...causes(error.cause), ...causes(inner), ...causes(suppressed)];
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code);
}

function wordsOf(error: unknown): string {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? explain(error) : `${explain(error)}, SQLite code ${errcode}`;
}

function freeAt(path: string): number | undefined {
  try {
    return freeBytes(systemStatfs(path));
  } catch {
    // A directory that could not be made: what is above it is on the same disk.
    return dirname(path) === path ? undefined : freeAt(dirname(path));
  }
}

function inUnits(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2;
  return mebibytes >= 1 ? `${mebibytes.toFixed(0)} MiB` : `${bytes} bytes`;
}
