import * as z from 'zod';
import { duration, httpUrl, sourceOptions, tenants } from '../../config/options.ts';
import type { Span, StreamContext } from '../../core/source.ts';
import { instant } from '../_kit/clock.ts';
import { BASE_URL } from '../_petra/api.ts';

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().prefault(BASE_URL).describe('URL of Petra’s API, without `/v1`.'),
  tenants: tenants(),
  initial_lookback: duration('30d', { from: '1d' }).describe(
    'How far back the first poll of a tenant reads.',
  ),
  settle: duration('2h').describe('How long after its end (UTC) a day counts as closed.'),
  revise_days: z
    .int()
    .min(0)
    .max(30)
    .default(2)
    .describe('How many of the last closed days are read again, to find revised counts.'),
  revise_interval: duration('6h', { from: '1m' }).describe(
    'Pause between two readings of a closed day; `penstock once` reads sooner when the quota allows it.',
  ),
  intraday_interval: duration(undefined, { from: '1m' })
    .nullable()
    .prefault('1h')
    .describe('Pause between two readings of the current day; null: closed days only.'),
});

export type Options = z.output<typeof options>;
export type Context = StreamContext<Options>;

/** A UTC day, as the number of days since 1970-01-01. */
export type Day = number;

const DAY_LENGTH = 86_400_000;

/** The day of a time, epoch ms. */
export function dayOf(epochMs: number): Day {
  return Math.floor(epochMs / DAY_LENGTH);
}

export function spanOf(day: Day): Span {
  return { from: day * DAY_LENGTH, to: (day + 1) * DAY_LENGTH };
}

/** `2026-03-01` */
export function isoDay(day: Day): string {
  return new Date(day * DAY_LENGTH).toISOString().slice(0, 10);
}

/** The last day that ended at least `settle` ago. */
export function newestClosed(now: number, settle: number): Day {
  return dayOf(now - settle) - 1;
}

/** In a cursor: a day. `2026-03-01` in the state, for people, and a number in the code. */
const day = z.codec(z.iso.date(), z.int(), {
  decode: (text) => dayOf(Date.parse(text)),
  encode: isoDay,
});

/** Which days of one tenant were read, and when. */
export const cursor = z.object({
  /** The first day to read: `initial_lookback` before the first poll. */
  from: day,
  /** Closed days that were read: ranges with both ends included, oldest first. */
  read: z.array(z.object({ first: day, last: day })),
  /** When the days that are read again were last read. */
  readAt: z.array(z.object({ day, at: instant })),
  /** When the current day was last read. */
  partialAt: instant.optional(),
  /** When this tenant could not be read. Other tenants come first until it can be read again. */
  failedAt: instant.optional(),
  /** When Petra last answered for another window than was asked. Other tenants come first for a while. */
  misreadAt: instant.optional(),
});

export type Cursor = z.output<typeof cursor>;
export type StoredCursor = z.input<typeof cursor>;

/** The cursor of a tenant of which nothing was read. */
export function initialCursor(now: number, { settle, initial_lookback }: Options): Cursor {
  const days = Math.ceil(initial_lookback / DAY_LENGTH);
  return { from: newestClosed(now, settle) - days + 1, read: [], readAt: [] };
}

export function isRead({ read }: Cursor, asked: Day): boolean {
  return read.some(({ first, last }) => first <= asked && asked <= last);
}

/** The unread days from the first wanted one to `newest`, newest first. */
export function unreadDays(state: Cursor, newest: Day): Day[] {
  const days = Array.from({ length: Math.max(0, newest - state.from + 1) }, (_, back) => newest - back);
  return days.filter((one) => !isRead(state, one));
}

/** The cursor after a closed day was read at `at`. Times of readings are kept for the last `keep` days only. */
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

/** Joins ranges of days that overlap or follow one another. */
function merge(ranges: Cursor['read']): Cursor['read'] {
  const merged: Cursor['read'] = [];
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1) merged.push(range);
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
  }
  return merged;
}

/**
 * The day of `to` and all later ones become unread. Counts that the ledger still holds are recognised; those of older
 * days are emitted again, in full.
 */
export function rewind(before: Cursor, to: number): Cursor {
  const { partialAt: _, ...state } = before;
  const first = dayOf(to);
  return {
    ...state,
    from: Math.min(state.from, first),
    read: state.read
      .filter((range) => range.first < first)
      .map((range) => ({ first: range.first, last: Math.min(range.last, first - 1) })),
    readAt: state.readAt.filter((read) => read.day < first),
  };
}
