import { RefusedError, TimedOutError, UnauthorisedError } from '../../core/errors.ts';
import type { Page, Span } from '../../core/source.ts';
import type { KeptClock } from '../_kit/kept-clock.ts';
import { keptClock, slackOf } from './clock.ts';
import type { Cursor } from './cursor.ts';
import { warnOfBasic, warnOfOwnRows } from './notices.ts';
import type { ConsoleRun } from './options.ts';
import { explained, isSortRefusal } from './refusal.ts';
import { Sweep } from './sweep.ts';
import { readDirectory, withNames } from './users.ts';
import { type Stretch, UnsortedError, walkSorted, walkUnsorted } from './walk.ts';

/**
 * Reads what is new since the cursor, window by window, to what is settled now. At rest that is one request, whose
 * answer also brings the console's clock.
 *
 * @throws RefusedError with advice, for settings that the console refuses; no refused request is sent again.
 */
export async function* poll(lent: ConsoleRun, cursor: Cursor | undefined): AsyncGenerator<Page<Cursor>> {
  const clock = keptClock(lent, cursor?.ahead);
  const run = { ...lent, http: clock.http };
  warnOfBasic(run);
  let sweep = new Sweep(run, cursor ?? (await beginning(run)), clock);
  let unsure = cursor === undefined ? clock.ahead : undefined;
  while (!sweep.ended) {
    run.signal.throwIfAborted();
    const window = sweep.window();
    try {
      for await (const stretch of walk(run, window, sweep.cursor)) {
        if (unsure !== undefined && isOff(clock, unsure)) {
          // The answer that told where to begin told another time than the list does.
          clock.takeSetBack();
          sweep = new Sweep(run, startAt(run, stretch.date), clock);
          unsure = clock.ahead;
          break;
        }
        unsure = undefined;
        const { page, again } = await pageOf(run, sweep, stretch);
        yield page;
        if (again) break;
      }
    } catch (error) {
      if (error instanceof UnauthorisedError) run.memo.set(REFUSED, true);
      yield adapted(sweep, window, error);
    }
  }
  clock.warnOfDifference(slackOf(run));
  warnOfOwnRows(run, sweep.cursor.users);
}

function isOff({ ahead, tolerance }: KeptClock, before: number): boolean {
  return ahead !== undefined && Math.abs(ahead - before) > tolerance;
}

function walk(run: ConsoleRun, window: Span, { unsorted }: Cursor): AsyncGenerator<Stretch> {
  return unsorted ? walkUnsorted(run, window) : walkSorted(run, window);
}

async function pageOf(
  run: ConsoleRun,
  sweep: Sweep,
  stretch: Stretch,
): Promise<{ page: Page<Cursor>; again: boolean }> {
  const observations = await withNames(run, stretch.attempts);
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
async function beginning(run: ConsoleRun): Promise<Cursor> {
  // A refusal has brought the clock, and the source is tried again with one request.
  if (!run.memo.has(REFUSED)) await (run.options.resolve_users ? readDirectory(run) : greet(run));
  return startAt(run, run.now());
}

function startAt({ options }: ConsoleRun, now: number): Cursor {
  const start = Math.max(0, now - options.initial_lookback);
  return { next: start, known: start, newest: start };
}

async function greet(run: ConsoleRun): Promise<void> {
  try {
    await run.http.get({ path: '/api/system/about', route: 'about' });
  } catch (error) {
    // A refusal has a clock too. A 401 is met again, and thrown, by the first window.
    if (!(error instanceof RefusedError) && !(error instanceof UnauthorisedError && error.status === 403))
      throw error;
  }
}
