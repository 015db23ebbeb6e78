import type { Cursor } from './cursor.ts';

/** Polls read again from `to` on. Rows that the ledger forgot meanwhile are told again, under the same ids. */
export function rewind(cursor: Cursor, to: number): Cursor {
  return { ...cursor, next: Math.min(cursor.next, to), known: Math.min(cursor.known, to) };
}
