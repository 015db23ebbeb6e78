import { z } from 'zod';
import { instant } from '../_petra/time.ts';
import { day, daysIn, newestClosed, type Day } from './day.ts';
import type { Options } from './options.ts';

/** Which days of one tenant are read, and when. */
export const cursor = z.object({
  /** The first day that is wanted: `initial_lookback` before the first poll. */
  from: day,
  /** Closed days that were read: runs of days, both ends included, oldest first. */
  read: z.array(z.object({ first: day, last: day })),
  /** When days that are read again were read last. */
  readAt: z.array(z.object({ day, at: instant })),
  /** When the day that goes on was read last. */
  partialAt: instant.optional(),
  /** When this tenant could not be read; its turn comes after that of others until it can. */
  failedAt: instant.optional(),
  /** When it was last answered for another window than was asked; its turn comes after that of others for a while. */
  misreadAt: instant.optional(),
});

export type Cursor = z.output<typeof cursor>;
export type StoredCursor = z.input<typeof cursor>;

/** Nothing is read yet. */
export function initialCursor(now: number, { settle, initial_lookback }: Options): Cursor {
  return { from: newestClosed(now, settle) - daysIn(initial_lookback) + 1, read: [], readAt: [] };
}

export function isRead({ read }: Cursor, asked: Day): boolean {
  return read.some(({ first, last }) => first <= asked && asked <= last);
}

/** The unread days from the first that is wanted to `newest`, newest first. */
export function unreadDays(state: Cursor, newest: Day): Day[] {
  const days = Array.from({ length: Math.max(0, newest - state.from + 1) }, (_, back) => newest - back);
  return days.filter((one) => !isRead(state, one));
}

/** The day is closed, and was read at that time. Times are kept of the last `keep` days only. */
export function withRead(before: Cursor, read: Day, at: number, keep: number): Cursor {
  const { failedAt: _failed, misreadAt: _misread, ...state } = before;
  const readAt = [...state.readAt.filter((one) => one.day !== read), { day: read, at }].toSorted(
    (one, other) => one.day - other.day,
  );
  return {
    ...state,
    read: merge([...state.read, { first: read, last: read }]),
    readAt: keep === 0 ? [] : readAt.slice(-keep),
  };
}

type Days = Cursor['read'][number];

/** Runs that overlap or follow one another become one. */
function merge(runs: readonly Days[]): Days[] {
  const merged: Days[] = [];
  for (const run of runs.toSorted((one, other) => one.first - other.first)) {
    const before = merged.at(-1);
    if (before === undefined || run.first > before.last + 1) merged.push(run);
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, run.last) };
  }
  return merged;
}
