/** Primary result codes, https://sqlite.org/rescode.html */
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** The primary result code of an error that SQLite raised, undefined for any other error. */
export function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY;
}

export function isFull(error: unknown): boolean {
  return resultCode(error) === FULL;
}

export function isReadOnly(error: unknown): boolean {
  return resultCode(error) === READONLY;
}

/** SQLite says that this is no database, or that its pages contradict each other. Only an integrity check proves it. */
export function isCorrupt(error: unknown): boolean {
  return [CORRUPT, NOTADB].includes(resultCode(error) ?? 0);
}

/** What a disk does that is full or fails, and a lock that lasts: what was tried can be tried again. */
export function mayPass(error: unknown): boolean {
  return [BUSY, IOERR, FULL, CANTOPEN].includes(resultCode(error) ?? 0);
}

/** A file could not be made, made longer or written. */
export function isWriteFailure(error: unknown): boolean {
  return [READONLY, IOERR, FULL, CANTOPEN].includes(resultCode(error) ?? 0);
}

/** For want of space, of rights, or of the file. */
export function isNotOpened(error: unknown): boolean {
  return resultCode(error) === CANTOPEN;
}

/** The disk itself failed, or (some of SQLite's calls do not tell the two apart) had no space. */
export function isDiskError(error: unknown): boolean {
  return resultCode(error) === IOERR;
}
