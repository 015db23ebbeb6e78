import type { Cursor } from './cursor.ts';

/** Polls read again from `to` on. Rows that the ledger forgot meanwhile are told again, under the same ids. */
export function rewind(cursor: Cursor, to: number): Cursor {
  const { next, known, newest, passed: _, ...rest } = cursor;
  return {
    ...rest,
    next: Math.min(next, to),
    known: Math.min(known, to),
    ...(newest !== undefined && { newest: Math.min(newest, to) }),
  };
}
