import { KeptClock } from '../_kit/clock.ts';
import { RefusedError, TimedOutError, UnauthorisedError } from '../../core/errors.ts';
import type { BackfillPage, Observation, Page, SourceContext, Span } from '../../core/source.ts';
import { type Attempt, isMisfit } from './attempts.ts';
import { explained, isSortRefusal } from './list.ts';
import { SHORTEST_SLICE, Sweep, warnOfBasic, warnOfOwnRows } from './position.ts';
import type { ConsoleOptions, ConsoleContext, Cursor } from './schemas.ts';
import { readDirectory, withNames } from './users.ts';
import { type Stretch, UnsortedError, walkSorted, walkUnsorted } from './walk.ts';

/**
 * Reads what is new since the cursor, window by window, to what is settled now. At rest that is one request, whose
 * answer also brings the console's clock.
 *
 * @throws RefusedError with advice, for settings that the console refuses; no refused request is sent again.
 */
export async function* poll(outer: ConsoleContext, cursor: Cursor | undefined): AsyncGenerator<Page<Cursor>> {
  const clock = keptClock(outer, cursor?.ahead);
  const context = { ...outer, http: clock.http };
  warnOfBasic(context);
  let sweep = new Sweep(context, cursor ?? (await beginning(context)), clock);
  let unsure = cursor === undefined ? clock.ahead : undefined;
  while (!sweep.ended) {
    context.signal.throwIfAborted();
    const window = sweep.window();
    try {
      for await (const stretch of walk(context, window, sweep.cursor)) {
        if (unsure !== undefined && isOff(clock, unsure)) {
          // The answer that told where to begin told another time than the list does.
          clock.takeSetBack();
          sweep = new Sweep(context, startAt(context, stretch.date), clock);
          unsure = clock.ahead;
          break;
        }
        unsure = undefined;
        const { page, again } = await pageOf(context, sweep, stretch);
        yield page;
        if (again) break;
      }
    } catch (error) {
      if (error instanceof UnauthorisedError) context.memo.set(REFUSED, true);
      yield adapted(sweep, window, error);
    }
  }
  clock.warnOfDifference(slackOf(context));
  warnOfOwnRows(context, sweep.cursor.users);
}

function isOff({ ahead, tolerance }: KeptClock, before: number): boolean {
  return ahead !== undefined && Math.abs(ahead - before) > tolerance;
}

function walk(context: ConsoleContext, window: Span, { unsorted }: Cursor): AsyncGenerator<Stretch> {
  return unsorted ? walkUnsorted(context, window) : walkSorted(context, window);
}

async function pageOf(
  context: ConsoleContext,
  sweep: Sweep,
  stretch: Stretch,
): Promise<{ page: Page<Cursor>; again: boolean }> {
  const observations = await withNames(context, stretch.attempts);
  const { gaps, again } = sweep.advance(stretch);
  const { from, to } = stretch;
  const page = {
    observations,
    cursor: sweep.cursor,
    forgetBefore: sweep.cursor.known,
    gaps,
    ...(to > from && { covered: { from, to } }),
    ...(sweep.complete && { complete: true }),
  };
  return { page, again };
}

/** What was learned from a failure, for the next try in this poll and for all later ones; else the failure is thrown. */
function adapted(sweep: Sweep, window: Span, error: unknown): Page<Cursor> {
  if (error instanceof TimedOutError && sweep.shorten(window))
    return { observations: [], cursor: sweep.cursor };
  const unsortable = error instanceof UnsortedError || isSortRefusal(error);
  if (!unsortable || sweep.cursor.unsorted) throw explained(error);
  sweep.stopSorting();
  return { observations: [], cursor: sweep.cursor };
}

const REFUSED = 'refused';

/** The first poll ever begins `initial_lookback` before the console's clock, which any of its answers brings. */
async function beginning(context: ConsoleContext): Promise<Cursor> {
  // A refusal has brought the clock, and the source is tried again with one request.
  if (!context.memo.has(REFUSED))
    await (context.options.resolve_users ? readDirectory(context) : greet(context));
  return startAt(context, context.now());
}

function startAt({ options }: ConsoleContext, now: number): Cursor {
  const start = Math.max(0, now - options.initial_lookback);
  return { next: start, known: start, newest: start };
}

async function greet(context: ConsoleContext): Promise<void> {
  try {
    await context.http.get({ path: '/api/system/about', route: 'about' });
  } catch (error) {
    // A refusal has a clock too. A 401 is met again, and thrown, by the first window.
    if (!(error instanceof RefusedError) && !(error instanceof UnauthorisedError && error.status === 403))
      throw error;
  }
}

/** How a span is walked: what was learned of the console on the way. */
interface Manner {
  walk: typeof walkSorted;
  /** Milliseconds asked for at once. */
  slice: number;
}

type Part = Pick<BackfillPage, 'covered'> & { readonly attempts: readonly Attempt[] };

/**
 * Reads a past span window by window, in the order of time. A part tells exactly what lies in the time that it covers,
 * so that nothing but the coverage is needed to go on after it.
 *
 * @throws RefusedError with advice, as `poll`.
 */
export async function* readPast(outer: ConsoleContext, span: Span): AsyncGenerator<BackfillPage> {
  const context = { ...outer, http: keptClock(outer, undefined).http };
  const manner: Manner = { walk: walkSorted, slice: context.options.slice };
  const told = new Set<string>();
  let at = span.from;
  while (at < span.to) {
    const window = { from: at, to: Math.min(span.to, at + manner.slice) };
    try {
      for await (const { attempts, ...part } of exactly(manner.walk(context, window), told)) {
        const named = await withNames(context, attempts);
        yield { ...part, observations: named.map(observationOf) };
        at = part.covered?.to ?? at;
      }
    } catch (error) {
      adapt(manner, window.to - at, error);
      continue;
    }
    // The console's clock is not there yet: live polling reads the rest when it is settled.
    if (at < window.to) return;
    manner.slice = Math.min(context.options.slice, manner.slice * 2);
  }
}

/** What a failure teaches of the console; else it is thrown. */
function adapt(manner: Manner, left: number, error: unknown): void {
  if (error instanceof TimedOutError && left > SHORTEST_SLICE) {
    manner.slice = Math.max(SHORTEST_SLICE, Math.floor(left / 2));
    return;
  }
  const unsortable = error instanceof UnsortedError || isSortRefusal(error);
  if (!unsortable || manner.walk === walkUnsorted) throw explained(error);
  manner.walk = walkUnsorted;
}

/**
 * Holds back the rows at the very end of each stretch, which the next one shows again: after a kill between the two they
 * would be told twice. `told` knows the rows without a time, which every window may show.
 */
async function* exactly(stretches: AsyncIterable<Stretch>, told: Set<string>): AsyncGenerator<Part> {
  const held = new Map<string, Attempt>();
  for await (const { attempts, from, to, end } of stretches) {
    for (const attempt of attempts) held.set(attempt.key, attempt);
    const ready = [...held.values()].filter(({ at }) => end || at !== to);
    for (const { key } of ready) held.delete(key);
    const due = ready.filter((attempt) => !isMisfit(attempt) || !told.has(attempt.key));
    for (const attempt of due) if (isMisfit(attempt)) told.add(attempt.key);
    yield { attempts: due, ...(to > from && { covered: { from, to } }) };
  }
}

/** A row without a time has none by which it was covered. */
function observationOf(attempt: Attempt): Observation {
  return isMisfit(attempt) ? { key: attempt.key, record: attempt.record } : attempt;
}

/** How far the `Date` of an answer may be off without passing a row: windows end `settle` early and begin `overlap` early. */
export function slackOf({
  options,
}: {
  readonly options: Pick<ConsoleOptions, 'settle' | 'overlap'>;
}): number {
  return options.settle + options.overlap;
}

/** The console's clock; `ahead`: as it was known before. */
export function keptClock(context: SourceContext<ConsoleOptions>, ahead: number | undefined): KeptClock {
  return new KeptClock(context, { ahead, slack: slackOf(context) });
}
