import { RefusedError, TimedOutError, UnauthorisedError } from '../../core/errors.ts';
import type { BackfillPage, Observation, Page, Span } from '../../core/source.ts';
import { KeptClock } from '../_kit/clock.ts';
import { doubled, halved } from '../_kit/windows.ts';
import { type Attempt, isMalformed } from './attempts.ts';
import { explained, isSortRefusal } from './list.ts';
import { type Context, type Cursor, slackOf } from './schemas.ts';
import { readDirectory, withNames } from './users.ts';
import { type Stretch, UnsortedError, walkSorted, walkUnsorted } from './walk.ts';
import { warnOfBasic, warnOfOwnRows, WindowPosition } from './window-position.ts';

/**
 * Reads what is new since the cursor, window by window, up to what is settled now. When nothing is new that is one request,
 * whose answer also brings the console's clock.
 *
 * @throws RefusedError with advice, for settings that the console rejects; no rejected request is sent again.
 */
export async function* poll(outer: Context, cursor: Cursor | undefined): AsyncGenerator<Page<Cursor>> {
  const clock = keptClock(outer, cursor?.ahead);
  const context = { ...outer, http: clock.http };
  warnOfBasic(context);
  let position = new WindowPosition(context, cursor ?? (await beginning(context)), clock);
  // By how much the console's clock was ahead when the beginning was chosen; undefined once an answer of the list agrees.
  // After a rejection by an earlier poll the beginning is a guess: our clock may have been set since.
  const guess = context.memo.has(REFUSED) ? -Infinity : undefined;
  let unconfirmed = cursor === undefined ? (clock.ahead ?? guess) : undefined;
  while (!position.ended) {
    context.signal.throwIfAborted();
    const window = position.window();
    const walk = position.cursor.unsorted ? walkUnsorted : walkSorted;
    try {
      for await (const stretch of walk(context, window)) {
        if (unconfirmed !== undefined && isOff(clock, unconfirmed)) {
          // The answer by which the beginning was chosen had another time than the list has.
          clock.takeSetBack();
          position = new WindowPosition(context, startAt(context, stretch.date), clock);
          unconfirmed = clock.ahead;
          break;
        }
        unconfirmed = undefined;
        const { page, again } = await pageOf(context, position, stretch);
        yield page;
        if (again) break;
      }
    } catch (error) {
      if (error instanceof UnauthorisedError) context.memo.set(REFUSED, true);
      yield adapted(position, window, error);
    }
  }
  clock.warnOfDifference(slackOf(context.options));
  warnOfOwnRows(context, position.cursor.users);
}

function keptClock(context: Context, ahead: number | undefined): KeptClock {
  return new KeptClock(context, { ahead, slack: slackOf(context.options) });
}

function isOff({ ahead, tolerance }: KeptClock, before: number): boolean {
  return ahead !== undefined && Math.abs(ahead - before) > tolerance;
}

async function pageOf(
  context: Context,
  position: WindowPosition,
  stretch: Stretch,
): Promise<{ page: Page<Cursor>; again: boolean }> {
  const observations = await withNames(context, stretch.attempts);
  const { gaps, again } = position.advance(stretch);
  const { from, to } = stretch;
  const page = {
    observations,
    cursor: position.cursor,
    forgetBefore: position.cursor.known,
    gaps,
    ...(to > from && { covered: { from, to } }),
    ...(position.complete && { complete: true }),
  };
  return { page, again };
}

/** Keeps what a failure taught for the next try of this poll and for later polls. Other failures are thrown. */
function adapted(position: WindowPosition, window: Span, error: unknown): Page<Cursor> {
  if (error instanceof TimedOutError && position.shorten(window))
    return { observations: [], cursor: position.cursor };
  if (!cannotSort(error) || position.cursor.unsorted) throw explained(error);
  position.stopSorting();
  return { observations: [], cursor: position.cursor };
}

function cannotSort(error: unknown): boolean {
  return error instanceof UnsortedError || isSortRefusal(error);
}

const REFUSED = 'refused';

/** The very first poll begins `initial_lookback` before the console's clock, which any of its answers brings. */
async function beginning(context: Context): Promise<Cursor> {
  // After a rejection the clock is known, and the source is tried again with a single request.
  if (!context.memo.has(REFUSED))
    await (context.options.resolve_users ? readDirectory(context) : readAbout(context));
  return startAt(context, context.now());
}

function startAt({ options }: Context, now: number): Cursor {
  const start = Math.max(0, now - options.initial_lookback);
  return { next: start, known: start, newest: start };
}

async function readAbout(context: Context): Promise<void> {
  try {
    await context.http.get({ path: '/api/system/about', route: 'about' });
  } catch (error) {
    // A rejection brings the clock too. The first window meets a 401 again, and throws it.
    if (!(error instanceof RefusedError) && !(error instanceof UnauthorisedError && error.status === 403))
      throw error;
  }
}

/** How a past span is read: what was learned of the console on the way. */
interface Manner {
  walk: typeof walkSorted;
  /** Length of a window, ms. */
  slice: number;
}

/**
 * Reads a past span window by window, in order of time. A page contains exactly the attempts of the span that it covers, so
 * that a backfill can continue from the coverage alone.
 *
 * @throws RefusedError with advice, as `poll`.
 */
export async function* readPast(outer: Context, span: Span): AsyncGenerator<BackfillPage> {
  const context = { ...outer, http: keptClock(outer, undefined).http };
  const manner: Manner = { walk: walkSorted, slice: context.options.slice };
  const emitted = new Set<string>();
  let at = span.from;
  while (at < span.to) {
    const window = { from: at, to: Math.min(span.to, at + manner.slice) };
    try {
      for await (const { attempts, ...part } of exactly(manner.walk(context, window), emitted)) {
        const named = await withNames(context, attempts);
        yield { ...part, observations: named.map(withoutFalseTime) };
        at = part.covered?.to ?? at;
      }
    } catch (error) {
      adapt(manner, window.to - at, error);
      continue;
    }
    // The console's clock is not past the window yet: polls read the rest when it is settled.
    if (at < window.to) return;
    manner.slice = doubled(manner.slice, context.options.slice) ?? context.options.slice;
  }
}

/** Keeps what a failure taught of the console. Other failures are thrown. */
function adapt(manner: Manner, left: number, error: unknown): void {
  const slice = error instanceof TimedOutError ? halved(left) : undefined;
  if (slice !== undefined) {
    manner.slice = slice;
    return;
  }
  if (!cannotSort(error) || manner.walk === walkUnsorted) throw explained(error);
  manner.walk = walkUnsorted;
}

/**
 * Holds back the rows at the very end of each stretch, because the next stretch shows them again: after a kill between the
 * two they would be emitted twice. `emitted` holds the rows without a time, which every window may show.
 */
async function* exactly(
  stretches: AsyncIterable<Stretch>,
  emitted: Set<string>,
): AsyncGenerator<Pick<BackfillPage, 'covered'> & { readonly attempts: readonly Attempt[] }> {
  const held = new Map<string, Attempt>();
  for await (const { attempts, from, to, end } of stretches) {
    for (const attempt of attempts) held.set(attempt.key, attempt);
    const ready = [...held.values()].filter(({ at }) => end || at !== to);
    for (const { key } of ready) held.delete(key);
    const due = ready.filter((attempt) => !isMalformed(attempt) || !emitted.has(attempt.key));
    for (const attempt of due) if (isMalformed(attempt)) emitted.add(attempt.key);
    yield { attempts: due, ...(to > from && { covered: { from, to } }) };
  }
}

/** A row without a time is emitted even if its span was covered in the meantime. */
function withoutFalseTime(attempt: Attempt): Observation {
  return isMalformed(attempt) ? { key: attempt.key, record: attempt.record } : attempt;
}
