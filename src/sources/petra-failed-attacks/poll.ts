import * as z from 'zod';
import type { BackfillPage, Observation, Page, Scope, SourceContext, Span } from '../../core/source.ts';
import { inParts } from '../_kit/answer.ts';
import { concernsTenant } from '../_kit/tenants.ts';
import { readTenants } from '../_petra/api.ts';
import { readDay, type Report, warnOfWindow } from './report.ts';
import { compareDue, dueOf, type Task, type Turn } from './schedule.ts';
import {
  type Context,
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

type Pages = AsyncGenerator<Page<StoredCursor>>;

/** One turn of one tenant: one request and the pages of its answer, or a page that only reports progress. */
export async function* poll(context: Context, before: Cursor | undefined): Pages {
  const state = before ?? initialCursor(context.now(), context.options);
  const turn = (context.scope.task as Turn | undefined) ?? mostUrgent(context, state);
  if (turn === 'progress') {
    yield pageOf(context, state);
    return;
  }
  let report: Report;
  try {
    report = await readDay(context, turn.day);
  } catch (error) {
    // The cursor remembers the failure, so that other tenants come first.
    if (concernsTenant(error) !== undefined) yield pageOf(context, { ...state, failedAt: context.now() });
    throw error;
  }
  yield* pagesOf(context, state, report);
}

/** The tenant's own order, where no schedule chose a task. */
function mostUrgent({ options, now }: Context, state: Cursor): Task | 'progress' {
  return dueOf(state, options, { now: now(), againBefore: 0 }).toSorted(compareDue)[0] ?? 'progress';
}

/** The vendor's clock at the answer decides whether the day is closed: our clock may have been ahead. */
async function* pagesOf(context: Context, state: Cursor, report: Report): Pages {
  const { settle, revise_days } = context.options;
  const { day, date, at, fits } = report;
  const final = day <= newestClosed(date, settle);
  // The current day may be answered up to now. A closed day must be whole, or its counts are wrong.
  if (fits === 'too-wide' || (fits === 'too-narrow' && final)) {
    warnOfWindow(context, report);
    yield pageOf(context, { ...state, misreadAt: date }, { observations: await observeMisread(report), at });
    return;
  }
  const next = final ? withRead(state, day, date, revise_days) : { ...state, partialAt: date };
  const page = { ...pageOf(context, next, { at }), ...(final && { covered: spanOf(day) }) };
  yield* inParts(observe(report, context, { final }), page);
}

/** `at`: our clock when the vendor answered, where it did. */
function pageOf(
  context: Context,
  state: Cursor,
  { observations = [], at }: { observations?: readonly Observation[]; at?: number } = {},
): Page<StoredCursor> {
  const { options, now } = context;
  const newest = newestClosed(now(), options.settle);
  return {
    observations,
    cursor: z.encode(cursor, state),
    complete: isRead(state, newest),
    deferred: dueOf(state, options, { now: now(), againBefore: 0 }).length,
    ...(at !== undefined && { forgetBefore: oldestNeeded(context, at) }),
    keep: unreadDays(state, newest).map(spanOf),
  };
}

/**
 * The ledger keeps a closed day while it may be read again, and the current day until it was read closed. Our clock counts
 * too: otherwise a `Date` from the future would make the ledger forget days that are read again when it is right.
 */
function oldestNeeded({ options, now }: Context, at: number): number {
  return spanOf(newestClosed(Math.min(now(), at), options.settle) - options.revise_days).from;
}

/** The streams of a backfill: one for each tenant. */
export async function* tenantsOf(context: SourceContext<Options>): AsyncGenerator<Scope> {
  for (const { id, name } of await readTenants(context)) yield { id, ...(name !== undefined && { name }) };
}

/**
 * Reads every closed day that the span touches, oldest first, one request each. Days are read whole, because totals are
 * those of a day. The current day is left to polls.
 */
export async function* readPast(context: Context, { from, to }: Span): AsyncGenerator<BackfillPage> {
  const { settle } = context.options;
  const last = Math.min(dayOf(to - 1), newestClosed(context.now(), settle));
  for (let day = dayOf(from); day <= last; day += 1) {
    const report = await readDay(context, day);
    // Our clock may have been ahead of the vendor's.
    if (day > newestClosed(report.date, settle)) return;
    if (report.fits === 'exactly') {
      yield* inParts(observe(report, context, { final: true }), { observations: [], covered: spanOf(day) });
    } else {
      warnOfWindow(context, report);
      yield { observations: await observeMisread(report) };
    }
  }
}
