import type { Cursor } from './cursor.ts';
import { dayOf } from './day.ts';

/**
 * The day of `to` and all later ones are unread again. Counts that the ledger still holds are recognised; older days
 * are told anew, in full.
 */
export function rewind(cursor: Cursor, to: number): Cursor {
  const { partialAt: _, ...state } = cursor;
  const day = dayOf(to);
  return {
    ...state,
    from: Math.min(state.from, day),
    read: state.read
      .filter(({ first }) => first < day)
      .map(({ first, last }) => ({ first, last: Math.min(last, day - 1) })),
    readAt: state.readAt.filter((read) => read.day < day),
  };
}
