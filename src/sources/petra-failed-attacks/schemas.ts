import { z } from 'zod';
import { BASE_URL } from '../_petra/api.ts';
import { instant } from '../_petra/fields.ts';
import { duration, httpUrl, sourceOptions, tenants } from '../../config/options.ts';
import type { Span } from '../../core/source.ts';

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().prefault(BASE_URL).describe('Where Petra’s API answers, without `/v1`.'),
  tenants: tenants(),
  initial_lookback: duration('30d', { from: '1d' }).describe(
    'How far back the days of a tenant are read at first.',
  ),
  settle: duration('2h').describe('How long after its end (UTC) a day is taken as closed.'),
  revise_days: z
    .int()
    .min(0)
    .max(30)
    .default(2)
    .describe('How many of the last closed days are read again, for revisions.'),
  revise_interval: duration('6h', { from: '1m' }).describe(
    'A closed day is not read again sooner; `penstock once` does so when the budget has room.',
  ),
  intraday_interval: duration(undefined, { from: '1m' })
    .nullable()
    .prefault('1h')
    .describe('Pause between two readings of the day that goes on; null: closed days only.'),
});

export type Options = z.output<typeof options>;

/** A UTC day, as the number of days since 1970-01-01. */
export type Day = number;

const LENGTH = 86_400_000;

export function dayOf(epochMs: number): Day {
  return Math.floor(epochMs / LENGTH);
}

export function spanOf(day: Day): Span {
  return { from: day * LENGTH, to: (day + 1) * LENGTH };
}

/** `2026-03-01` */
export function isoDay(day: Day): string {
  return new Date(day * LENGTH).toISOString().slice(0, 10);
}

/** The last day that has ended `settle` ago or longer. */
export function newestClosed(now: number, settle: number): Day {
  return dayOf(now - settle) - 1;
}

/** How many days a duration (ms) holds, begun ones too. */
export function daysIn(duration: number): number {
  return Math.ceil(duration / LENGTH);
}

/** A day in a cursor: `2026-03-01` in the state, for people, and a number in the code. */
export const day = z.codec(z.iso.date(), z.int(), {
  decode: (text) => dayOf(Date.parse(text)),
  encode: isoDay,
});

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
