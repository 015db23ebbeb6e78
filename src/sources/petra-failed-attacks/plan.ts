import { isRead, unreadDays, type Cursor } from './cursor.ts';
import { dayOf, newestClosed, type Day } from './day.ts';
import type { Options } from './options.ts';

/** One request: a day of a tenant, and why it is read. */
export interface Task {
  readonly kind: 'newest' | 'older' | 'partial' | 'again';
  readonly day: Day;
}

/** What a tenant waits for. */
export interface Due extends Task {
  /** The longest-waiting first: when it was last read, or last failed; 0 when never. Epoch ms. */
  readonly since: number;
  /** Its tenant could not be read a short while ago: all that others wait for comes first, in whatever process. */
  readonly late: boolean;
}

/** How long a tenant or a task that did not succeed lets others go first. Milliseconds. */
export const PATIENCE = 600_000;

export interface Moment {
  /** The vendor's clock, epoch ms. */
  readonly now: number;
  /** Days read before this are read again although `revise_interval` has not passed; 0: none. Epoch ms. */
  readonly againBefore: number;
}

const ORDER: Readonly<Record<Task['kind'], number>> = { newest: 0, older: 1, partial: 2, again: 3 };

/**
 * All that is due of one tenant: its unread closed days, the day that goes on, and what is to be read again for
 * revisions.
 */
export function dueOf(state: Cursor, options: Options, { now, againBefore }: Moment): Due[] {
  const newest = newestClosed(now, options.settle);
  const failed = Math.max(state.failedAt ?? 0, state.misreadAt ?? 0);
  const unread = unreadDays(state, newest).map((day): Waiting => {
    return { kind: day === newest ? 'newest' : 'older', day, since: failed };
  });
  const late = Math.abs(now - failed) < PATIENCE;
  const waiting = [
    ...unread,
    ...partial(state, options, now),
    ...again(state, options, { now, againBefore }),
  ];
  return waiting.map((due) => ({ ...due, late }));
}

type Waiting = Omit<Due, 'late'>;

function partial({ partialAt }: Cursor, { intraday_interval: interval }: Options, now: number): Waiting[] {
  if (interval === null || !hasPassed(interval, partialAt, now)) return [];
  return [{ kind: 'partial', day: dayOf(now), since: partialAt ?? 0 }];
}

function again(
  state: Cursor,
  { settle, revise_days: days, revise_interval: interval }: Options,
  { now, againBefore }: Moment,
): Waiting[] {
  const newest = newestClosed(now, settle);
  return Array.from({ length: days }, (_, back) => newest - back)
    .filter((day) => isRead(state, day))
    .map((day) => ({ day, since: state.readAt.find((one) => one.day === day)?.at ?? 0 }))
    .filter(({ since }) => hasPassed(interval, since, now) || since < againBefore)
    .map((due) => ({ kind: 'again', ...due }));
}

/** A time ahead of now was noted by a clock that went back since. */
function hasPassed(interval: number, since: number | undefined, now: number): boolean {
  return since === undefined || since > now || now - since >= interval;
}

/**
 * Which of two tasks, of whatever tenants, is done first: the newest closed day of all, then older days, newest first,
 * then the day that goes on, then what is read again, least recently read first. Tenants that failed come last.
 */
export function compareDue(one: Due, other: Due): number {
  if (one.late !== other.late) return one.late ? 1 : -1;
  const kinds = ORDER[one.kind] - ORDER[other.kind];
  if (kinds !== 0) return kinds;
  const days = one.kind === 'older' ? other.day - one.day : 0;
  return days === 0 ? one.since - other.since : days;
}
