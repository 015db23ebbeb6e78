import { z } from 'zod';
import { inParts } from '../_kit/answer.ts';
import { readTenants } from '../_petra/api.ts';
import {
  RefusedError,
  ThrottledError,
  TooLargeError,
  UnauthorisedError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../core/errors.ts';
import type { BackfillPage, Observation, Page, Scope, SourceContext, Span } from '../../core/source.ts';
import { type Poll, readDay, type Reading } from './report.ts';
import { compareDue, dueOf, type Task, type Turn } from './schedule.ts';
import {
  cursor,
  type Cursor,
  dayOf,
  initialCursor,
  isRead,
  newestClosed,
  type Options,
  spanOf,
  type StoredCursor,
  unreadDays,
  withRead,
} from './schemas.ts';
import { observe, observeMisread } from './series.ts';

/** One turn of one tenant: one request and one page, or a page that only says how the tenant stands. */
export async function* poll(run: Poll, before: Cursor | undefined): AsyncGenerator<Page<StoredCursor>> {
  const state = before ?? initialCursor(run.now(), run.options);
  const turn = (run.scope.task as Turn | undefined) ?? mostUrgent(run, state);
  if (turn === 'standing') {
    yield pageOf(run, state);
    return;
  }
  let reading: Reading;
  try {
    reading = await readDay(run, turn.day);
  } catch (error) {
    if (isOfTenant(error)) yield pageOf(run, { ...state, failedAt: run.now() });
    throw error;
  }
  yield* pagesOfReading(run, state, reading);
}

/** Without a sweep that chooses: the tenant's own order. */
function mostUrgent({ options, now }: Poll, state: Cursor): Task | 'standing' {
  return dueOf(state, options, { now: now(), againBefore: 0 }).toSorted(compareDue)[0] ?? 'standing';
}

/** Whether the failure is remembered, so that the tenant's next turn comes after those of others. */
function isOfTenant(error: unknown): boolean {
  if (error instanceof UnauthorisedError) return error.status === 403;
  if (error instanceof UnavailableError) return !(error instanceof ThrottledError);
  return [RefusedError, TooLargeError, UnexpectedAnswerError].some((type) => error instanceof type);
}

/** The vendor's clock at the answer says whether the day is closed: ours may have been ahead. */
async function* pagesOfReading(
  run: Poll,
  state: Cursor,
  reading: Reading,
): AsyncGenerator<Page<StoredCursor>> {
  const { settle, revise_days } = run.options;
  const { day, date, at, fits } = reading;
  const final = day <= newestClosed(date, settle);
  // The day that goes on may be answered up to now; a closed one is whole, or its counts are wrong.
  if (fits === 'too-wide' || (fits === 'too-narrow' && final)) {
    warnOfWindow(run, reading);
    yield pageOf(run, { ...state, misreadAt: date }, { observations: await observeMisread(reading), at });
    return;
  }
  const next = final ? withRead(state, day, date, revise_days) : { ...state, partialAt: date };
  const page = { ...pageOf(run, next, { at }), ...(final && { covered: spanOf(day) }) };
  yield* inParts(observe(reading, run, { final }), page);
}

/** Says that an answer is not of the day that was asked. */
export function warnOfWindow({ log, scope }: Poll, { report: { dateRange }, fits }: Reading): void {
  log.warn(
    {
      organization: { id: scope.id },
      event: {
        start: new Date(dateRange.startDate).toISOString(),
        end: new Date(dateRange.endDate).toISOString(),
        reason: fits,
      },
    },
    'Petra answered for another window than the day that was asked: it is shipped as a pipeline error, and not counted.',
  );
}

/** `at`: our clock when the vendor answered, where it did. */
function pageOf(
  run: Poll,
  state: Cursor,
  { observations = [], at }: { observations?: readonly Observation[]; at?: number } = {},
): Page<StoredCursor> {
  const { options, now } = run;
  const newest = newestClosed(now(), options.settle);
  const unread = unreadDays(state, newest);
  return {
    observations,
    cursor: z.encode(cursor, state),
    complete: isRead(state, newest),
    deferred: dueOf(state, options, { now: now(), againBefore: 0 }).length,
    ...(at !== undefined && { forgetBefore: oldestNeeded(run, at) }),
    keep: unread.map(spanOf),
  };
}

/**
 * A closed day is known while it is read again, and one that was read while it went on until it is read closed: by our
 * clock too, lest a Date from the future makes days forgotten that are read again when it is right.
 */
function oldestNeeded({ options, now }: Poll, at: number): number {
  return spanOf(newestClosed(Math.min(now(), at), options.settle) - options.revise_days).from;
}

/** A stream per tenant. */
export async function* tenantsOf(run: SourceContext<Options>): AsyncGenerator<Scope> {
  for (const { id, name } of await readTenants(run)) yield { id, ...(name !== undefined && { name }) };
}

/**
 * Every closed day that the span touches, whole, since totals are those of a day; one request each, the oldest first.
 * A day that goes on is left to live polling.
 */
export async function* readPast(run: Poll, { from, to }: Span): AsyncGenerator<BackfillPage> {
  const { settle } = run.options;
  const last = Math.min(dayOf(to - 1), newestClosed(run.now(), settle));
  for (let day = dayOf(from); day <= last; day += 1) {
    const reading = await readDay(run, day);
    // Our clock may have been ahead of the vendor's.
    if (day > newestClosed(reading.date, settle)) return;
    if (reading.fits === 'exactly') {
      yield* inParts(observe(reading, run, { final: true }), { observations: [], covered: spanOf(day) });
    } else {
      warnOfWindow(run, reading);
      yield { observations: await observeMisread(reading) };
    }
  }
}
