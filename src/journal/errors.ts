import { PenstockError, StateError } from '../errors.ts';

/**
 * The store did not take a write or a read, and everything is as it was before: no space, an I/O error, a lock that
 * lasted. What was tried can be tried again, so a poll fails and is repeated.
 */
export class JournalWriteError extends PenstockError {
  override readonly name = 'JournalWriteError' as const;
  readonly blame = 'nobody' as const;
}

/** Primary result codes, https://sqlite.org/rescode.html */
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
const PASSES = [BUSY, IOERR, FULL, CANTOPEN];

/** The primary result code of an error that SQLite raised, undefined for any other error. */
function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY;
}

export function isFull(error: unknown): boolean {
  return resultCode(error) === FULL;
}

/** Not a database at all, or one whose pages contradict each other. */
export function isCorrupt(error: unknown): boolean {
  return [CORRUPT, NOTADB].includes(resultCode(error) ?? 0);
}

/** What an error of the store means to the rest of Penstock; errors that are not the store's come back as they are. */
export function translated(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  if (isCorrupt(error)) {
    return new StateError(
      `The database in ${path} is corrupt. Stop Penstock, keep a copy of the directory, and restore penstock.db from a backup or a penstock.db.v<N> copy (without penstock.db-wal and -shm), or move it away to begin again.`,
      { cause: error },
    );
  }
  if (code === READONLY) {
    return new StateError(
      `The database in ${path} cannot be written. Check its owner, its mode and its mount.`,
      {
        cause: error,
      },
    );
  }
  if (!PASSES.includes(code)) return error;
  return new JournalWriteError(
    `The journal in ${path} could not be written or read; it is as it was before`,
    {
      cause: error,
    },
  );
}
