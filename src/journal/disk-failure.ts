import { dirname } from 'node:path';
import { explain } from '../errors.ts';
import { freeBytes, systemStatfs, type Statfs } from './network-fs.ts';
import { isDiskError, isFull } from './result-codes.ts';

const FULL = ['ENOSPC', 'EDQUOT'];
const FAILED = ['EIO', 'EROFS', 'ENXIO', 'ENODEV'];
/** With less than this free, a write that SQLite only calls an I/O error failed for want of space. Bytes. */
const AS_GOOD_AS_FULL = 256 * 1024;

/**
 * What a disk that is full or fails did, in words: which path, how much is free, what to do. Undefined when the error is
 * not about the disk.
 */
export function diskFailure(error: unknown, path: string, statfs: Statfs = systemStatfs): string | undefined {
  const chain = causes(error);
  const free = freeAt(path, statfs);
  const isShort = free !== undefined && free < AS_GOOD_AS_FULL;
  const room = free === undefined ? '' : ` ${inUnits(free)} are free there.`;
  const full = chain.find((one) => isFull(one) || FULL.includes(codeOf(one)));
  const failed = chain.find((one) => isDiskError(one) || FAILED.includes(codeOf(one)));
  const cause = full ?? failed;
  if (cause === undefined) return undefined;
  if (full !== undefined || isShort) {
    return `The disk is full: ${path} could not be written (${wordsOf(cause)}).${room} Make room there, or set state.path to a disk that has some.`;
  }
  return `The disk failed: ${path} could not be read or written (${wordsOf(cause)}).${room} See the system's log for what is wrong with it.`;
}

/** The error, what caused it, and what a failing clean-up put it into. */
function causes(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return [];
  const { error: inner, suppressed } = error as Partial<SuppressedError>;
  return [error, ...causes(error.cause), ...causes(inner), ...causes(suppressed)];
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

function wordsOf(error: unknown): string {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? explain(error) : `${explain(error)}, SQLite code ${errcode}`;
}

function freeAt(path: string, statfs: Statfs): number | undefined {
  try {
    return freeBytes(statfs(path));
  } catch {
    // A directory that could not be made: what is above it is on the same disk.
    return dirname(path) === path ? undefined : freeAt(dirname(path), statfs);
  }
}

function inUnits(bytes: number): string {
  const mebibytes = bytes / 1024 ** 2;
  return mebibytes >= 1 ? `${mebibytes.toFixed(0)} MiB` : `${bytes} bytes`;
}
