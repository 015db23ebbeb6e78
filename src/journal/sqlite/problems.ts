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

/** What an error of SQLite means to the rest of Penstock. Other errors come back as they are. */
export function translated(error: unknown, files: StateFiles): unknown {
  if (resultCode(error) === undefined) return error;
  if (isCorrupt(error)) return checkedDamage(error, files);
  if (isReadOnly(error)) {
    return new StateError(
      `The database in ${files.directory} is read-only. Check its owner, its mode and its mount.`,
      { cause: error },
    );
  }
  if (!mayPass(error)) return error;
  const words =
    diskFailure(error, files.directory) ??
    `The journal in ${files.directory} could not be written or read: ${explain(error)}.`;
  return new JournalWriteError(`${words} Nothing was changed.`, { cause: error });
}

/** SQLite also reports corruption when another process changes the database. Only a check through the log proves it. */
function checkedDamage(error: unknown, files: StateFiles): Error {
  let doubt: string;
  try {
    const damage = findDamageIn(files);
    if (damage !== undefined) return corrupt(files.database, damage, error);
    doubt = 'an integrity check found no damage';
  } catch (failure) {
    doubt = `the integrity check failed (${diskFailure(failure, files.directory) ?? explain(failure)})`;
  }
  return new JournalWriteError(
    `The journal in ${files.directory} could not be read (${explain(error)}), but ${doubt}. Nothing was changed. Try again.`,
    { cause: error },
  );
}

// Why a state directory cannot be used: which file, what happened, and what the operator can do. Exit 5.

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
    `The state directory ${path} has lost its database: penstock.db is missing, but ${evidence.join(', ')} ${evidence.length === 1 ? 'shows' : 'show'} that there was one. ` +
      'Choose: mount or restore the right directory; restore penstock.db from a backup or a penstock.db.v<N> copy (without penstock.db-wal and -shm); ' +
      'or, to begin again (sources start at their initial_lookback, and updates and counters get new ids), move everything out of the directory.',
  );
}

export function foreign(path: string): StateError {
  return new StateError(
    `${path} is a database of another application, or an empty file. It was not changed. Set state.path to a directory that only Penstock uses, or move the file away to begin again.`,
  );
}

export function corrupt(path: string, finding: string, cause?: unknown): StateError {
  return new StateError(
    `${path} is corrupt or not a database: ${finding}. It was not changed. Choose: restore it from a backup or a penstock.db.v<N> copy ` +
      '(without penstock.db-wal and -shm), or move the whole directory away to begin again. Keep a copy: its events may be recoverable.',
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
      ? 'There is no older copy in the directory.'
      : `To go back: stop Penstock, move penstock.db, penstock.db-wal and penstock.db-shm out of the directory, and rename ${usable.join(' or ')} to penstock.db; events that were collected after that copy are not in it.`;
  return new StateError(
    `${path} was written by a newer release (schema version ${found}, this release knows ${known}). Use that release again. ${back}`,
  );
}

export function olderSchema(path: string, found: number, known: number): StateError {
  return new StateError(
    `${path} has schema version ${found}, but this release reads version ${known}. Start \`penstock run\` or \`penstock once\` of this release first: it migrates the state.`,
  );
}

/** A message names so many differences; the others are counted. */
const DIFFERENCES_NAMED = 3;

export function unreleasedSchema(path: string, version: number, differences: readonly string[]): StateError {
  const more = differences.length - DIFFERENCES_NAMED;
  const named = [...differences.slice(0, DIFFERENCES_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(
    ', ',
  );
  return new StateError(
    `${path} was made by an earlier build of Penstock that was not released: its schema version is ${version}, but its tables differ (${named}). ` +
      'It was not changed. Choose: deliver what it holds with the build that made it (`penstock once` until `penstock status` shows nothing undelivered); ' +
      'or start with an empty directory: set state.path to one, or move the whole directory away (sources then start at their initial_lookback).',
  );
}

export function locked(path: string, holder: Holder | undefined): StateInUseError {
  return new StateInUseError(
    `The state in ${path} is in use by ${holderWords(holder)}. Stop that process, or give this one a state.path of its own. The lock is released when that process ends.`,
    holder,
  );
}

export function unusable(path: string, cause: unknown): StateError {
  const disk = diskFailure(cause, path);
  if (disk !== undefined) return new StateDiskError(disk, { cause });
  return new StateError(
    `The state directory ${path} cannot be used: ${explain(cause)}. Check that it exists or can be created, that this user may write to it, and that the disk has space.`,
    { cause },
  );
}

export function replaced(path: string): StateError {
  return new StateError(
    `${path} was removed or replaced while Penstock had it open. Events committed now would be lost. Restore the state directory, then start Penstock again.`,
  );
}

export function logReplaced(path: string): StateError {
  return new StateError(
    `${path} was removed or replaced while Penstock had it open. It is part of the database, so events committed now would be lost. Start Penstock again, and do not touch the files of the state directory while it runs. What was committed before is kept, unless another process has the database open.`,
  );
}

export function lockReplaced(path: string): StateError {
  return new StateError(
    `${path} was removed or replaced while Penstock held it, so another process could use the state at the same time. Make sure that none does, then start Penstock again, and do not touch the files of the state directory while it runs.`,
  );
}

/** The process that holds the state, in words. */
function holderWords(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process (which one is not known yet)';
  const { pid, host, since, command } = holder;
  const name = command === undefined ? '' : ` (penstock ${command})`;
  return `process ${pid} on host ${host}${name}, since ${since}`;
}

const FULL = ['ENOSPC', 'EDQUOT'];
const FAILED = ['EIO', 'EROFS', 'ENXIO', 'ENODEV', 'ESTALE'];
/** When less than this is free, a write that failed for no other known reason is blamed on a full disk. Bytes. */
const NEARLY_FULL = 256 * 1024;

/**
 * A full or failing disk in words: which path, how much is free, what to do. Undefined when the error is not about the
 * disk.
 */
export function diskFailure(error: unknown, path: string): string | undefined {
  const cause = causes(error).find((one) => kindOf(one) !== undefined || isNotOpened(one));
  if (cause === undefined) return undefined;
  // SQLite does not pass on the error of the operating system.
  const reason = resultCode(cause) === undefined || isFull(cause) ? undefined : tryToWrite(path);
  const free = freeAt(path);
  const isShort = free !== undefined && free < NEARLY_FULL && !isNotOpened(cause);
  const kind = kindOf(reason) ?? (isShort ? 'full' : kindOf(cause));
  if (kind === undefined) return undefined;
  const words = [cause, ...(reason === undefined ? [] : [reason])].map(wordsOf).join('; ');
  const room = free === undefined ? '' : ` ${inUnits(free)} are free there.`;
  return kind === 'full'
    ? `The disk is full: ${path} could not be written (${words}).${room} Free some space there, or set state.path to a disk that has space.`
    : `The disk failed: ${path} could not be read or written (${words}).${room} The system log says what is wrong with it.`;
}

function kindOf(error: unknown): 'full' | 'failed' | undefined {
  if (isFull(error) || FULL.includes(codeOf(error))) return 'full';
  return isDiskError(error) || FAILED.includes(codeOf(error)) ? 'failed' : undefined;
}

/** Writes a page into a directory. Returns the error of the operating system; undefined when it succeeds. */
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

/** The error, its causes, and those that a failed clean-up added. */
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
    // The directory could not be created: its parent is on the same disk.
    return dirname(path) === path ? undefined : freeAt(dirname(path));
  }
}

function inUnits(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2;
  return mebibytes >= 1 ? `${mebibytes.toFixed(0)} MiB` : `${bytes} bytes`;
}
