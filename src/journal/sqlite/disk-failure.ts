import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { explain } from '../../core/errors.ts';
import { freeBytes, systemStatfs } from './network-fs.ts';
import { isDiskError, isFull, isNotOpened, resultCode } from './result-codes.ts';

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
