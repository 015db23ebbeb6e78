import type { Span } from '../../source.ts';
import type { Cursor } from './cursor.ts';
import { warnOfClock } from './notices.ts';
import type { ConsoleRun } from './options.ts';
import { userIdOf } from './record.ts';
import type { Stretch } from './walk.ts';

/** No window is made shorter than this when requests time out. Milliseconds. */
export const SHORTEST_SLICE = 1_000;

/** The `Date` header has whole seconds, so two clocks this near are the same. Milliseconds. */
const PRECISION = 2_000;

/** A poll goes on when it is this far behind at the end of a window, whatever `settle` is. Milliseconds. */
const LEAST_LAG = 10_000;

/** Where one poll stands, and the cursor that follows from it. Times are epoch ms of the console's clock. */
export class Sweep {
  readonly #run: ConsoleRun;
  /** Our estimate of the console's clock when the poll began. */
  readonly #began: number;
  /** Where the first window began, and what `next` was: what the console's clock is held against. */
  readonly #start: number;
  readonly #before: Cursor;
  #cursor: Cursor;
  /** Everything of this poll before here was read. */
  #at: number;
  #date = -Infinity;
  #complete = false;
  #wentBack = false;

  constructor(run: ConsoleRun, cursor: Cursor) {
    this.#run = run;
    this.#began = run.now();
    this.#before = cursor;
    this.#cursor = cursor;
    this.#start = Math.max(cursor.next - run.options.overlap, cursor.known);
    this.#at = this.#start;
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Everything settled was read. */
  get complete(): boolean {
    return this.#complete;
  }

  /** What to ask for next: to what is settled by our estimate, which the answer then corrects. */
  window(): Span {
    const { options } = this.#run;
    const from = this.#at;
    const settled = Math.max(
      this.#run.now() - options.settle,
      this.#date - options.settle,
      this.#before.next,
    );
    const slice = Math.min(this.#cursor.slice ?? options.slice, options.slice);
    return { from, to: Math.max(from, Math.min(settled, from + slice)) };
  }

  /** A stretch was read. Its page must be durable before the next one is asked for. */
  advance(stretch: Stretch): void {
    const { overlap, settle } = this.#run.options;
    const settled = stretch.date - settle;
    this.#date = stretch.date;
    this.#at = stretch.to;
    this.#cursor = {
      ...this.#cursor,
      // Never later than what was settled when the console answered, whatever our clock or a row says.
      next: Math.min(Math.max(this.#cursor.next, stretch.to), settled),
      // What may be read again must be known again: the rest of this window, and the overlap of the next poll.
      known: Math.max(this.#cursor.known, Math.min(stretch.to, settled - overlap)),
      users: usersSeen(this.#cursor.users ?? [], stretch),
    };
    if (stretch.end) this.#endWindow(settled);
  }

  /** Halves the span asked for at once. False: it is as short as it may be. */
  shorten({ to }: Span): boolean {
    const span = to - this.#at;
    if (span <= SHORTEST_SLICE) return false;
    this.#cursor = { ...this.#cursor, slice: Math.max(SHORTEST_SLICE, Math.floor(span / 2)) };
    return true;
  }

  stopSorting(): void {
    this.#cursor = { ...this.#cursor, unsorted: true };
  }

  #endWindow(settled: number): void {
    this.#lengthen();
    if (this.#goBack(settled)) return;
    const overlapped = this.#at >= Math.min(this.#before.next, settled - PRECISION);
    if (!overlapped || settled - this.#at > Math.max(this.#run.options.settle, LEAST_LAG)) return;
    this.#complete = true;
    this.#cursor = { ...this.#cursor, polled: this.#began };
  }

  #lengthen(): void {
    const { slice, ...rest } = this.#cursor;
    if (slice === undefined) return;
    this.#cursor = slice * 2 < this.#run.options.slice ? { ...rest, slice: slice * 2 } : rest;
  }

  /**
   * When the console's clock was set back, rows since then are dated before what we read. Then what it may have
   * dated since the last poll is read anew; what the ledger no longer holds of that is told again, under the same id.
   */
  #goBack(settled: number): boolean {
    if (this.#wentBack || settled >= this.#before.next - PRECISION) return false;
    const { options } = this.#run;
    const elapsed = this.#began - (this.#before.polled ?? this.#began);
    const bounded = Math.min(Math.max(elapsed, 0), options.initial_lookback);
    const earliest = Math.max(0, this.#date - bounded - options.overlap);
    this.#wentBack = true;
    if (earliest >= this.#start) return false;
    warnOfClock(this.#run, { from: earliest, to: this.#before.next });
    this.#at = earliest;
    this.#cursor = { ...this.#cursor, next: earliest, known: earliest };
    return true;
  }
}

/** The first two users seen; more make no difference. */
function usersSeen(known: readonly string[], { attempts }: Stretch): string[] {
  const users = new Set(known);
  for (const { record } of attempts) {
    const id = userIdOf(record);
    if (id !== undefined && users.size < 2) users.add(id);
  }
  return [...users];
}
