import { type KeptClock, PRECISION, readingStart } from '../_kit/clock.ts';
import type { Gap, Span } from '../../core/source.ts';
import { isoTime } from '../../ecs/time.ts';
import { userIdOf } from './normalise.ts';
import type { ConsoleContext, Cursor } from './schemas.ts';
import type { Stretch } from './walk.ts';

/** No window is made shorter than this when requests time out. Milliseconds. */
export const SHORTEST_SLICE = 1_000;

/** A poll goes on when it is this far behind at the end of a window, whatever `settle` is. Milliseconds. */
const LEAST_LAG = 10_000;

/** `reason` of a gap: the console's clock was set back further than the ledger reaches. */
const SET_BACK = 'clock-set-back';

type Dated = Stretch & { readonly at: number };

/** Where one poll stands, and the cursor that follows from it. Times are epoch ms of the console's clock. */
export class Sweep {
  readonly #context: ConsoleContext;
  readonly #clock: KeptClock;
  /** Where the first window began, and the cursor of the poll before. */
  readonly #start: number;
  readonly #before: Cursor;
  #cursor: Cursor;
  /** Everything of this poll before here was read. */
  #at: number;
  #date = -Infinity;
  #ended = false;
  #complete = false;

  constructor(context: ConsoleContext, cursor: Cursor, clock: KeptClock) {
    this.#context = context;
    this.#clock = clock;
    this.#before = cursor;
    this.#cursor = cursor;
    this.#start = this.#startOf(cursor, Math.max(context.now() - context.options.settle, cursor.next));
    this.#at = this.#start;
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** There is nothing more to ask for now. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Everything settled was read. */
  get complete(): boolean {
    return this.#complete;
  }

  /** What to ask for next: to what is settled by our estimate, which the answer then corrects. */
  window(): Span {
    const { options } = this.#context;
    const from = this.#at;
    const settled = Math.max(
      this.#context.now() - options.settle,
      this.#date - options.settle,
      this.#before.next,
    );
    const slice = Math.min(this.#cursor.slice ?? options.slice, options.slice);
    return { from, to: Math.max(from, Math.min(settled, from + slice)) };
  }

  /**
   * A stretch was read. Its page must be durable before the next one is asked for. Returns what cannot be read any
   * more; with `again`, the rest of the window is to be left, since `window` now begins earlier.
   */
  advance(read: Stretch): { readonly gaps: readonly Gap[]; readonly again: boolean } {
    const stretch = { ...read, at: read.at ?? read.date - (this.#clock.ahead ?? 0) };
    const settled = stretch.date - this.#context.options.settle;
    const before = this.#cursor;
    this.#date = stretch.date;
    this.#at = stretch.to;
    this.#cursor = this.#moved(stretch, settled);
    const setBack = this.#clock.takeSetBack();
    if (setBack > 0) return { gaps: this.#followBack(before, setBack, stretch), again: true };
    if (stretch.end) this.#endWindow(stretch, settled);
    return { gaps: [], again: false };
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

  #startOf(cursor: Cursor, settled: number): number {
    const { next, known, newest = known, quiet = false } = cursor;
    const { overlap } = this.#context.options;
    const slice = Math.min(cursor.slice ?? Infinity, this.#context.options.slice);
    return readingStart({ next, known, newest, quiet }, { overlap, slice, settled });
  }

  #moved(stretch: Dated, settled: number): Cursor {
    const { initial_lookback: lookback, overlap } = this.#context.options;
    const { quiet, passed, ...before } = this.#cursor;
    const grew = stretch.newest > Math.max(before.newest ?? before.known, passed ?? 0);
    const cursor: Cursor = {
      ...before,
      // Never later than what was settled when the console answered, whatever our clock or a row says.
      next: Math.max(before.next, Math.min(stretch.to, settled)),
      newest: grew ? stretch.newest : (before.newest ?? before.known),
      ...(!grew && passed !== undefined && { passed }),
      ...((grew || before.newestAt === undefined) && { newestAt: stretch.at }),
      ...(!grew && quiet && { quiet }),
      ...(this.#clock.ahead !== undefined && { ahead: this.#clock.ahead }),
      users: usersSeen(before.users ?? [], stretch),
    };
    // What may be read again must be known again: the next poll does, and a clock that is set back leads further. By our
    // clock too, lest a Date from the future makes it forget everything.
    const reachable = Math.min(cursor.next, stretch.at) - lookback - overlap;
    const known = Math.min(reachable, this.#startOf(cursor, cursor.next));
    return { ...cursor, known: Math.max(cursor.known, known) };
  }

  #endWindow(stretch: Dated, settled: number): void {
    this.#lengthen();
    const overlapped = this.#at >= Math.min(this.#before.next, settled - PRECISION);
    const stale = stretch.at + (this.#clock.ahead ?? 0) - stretch.date > this.#clock.tolerance;
    // Asked again at once, a cache would give the same answer.
    if (stale) warnOfStaleAnswer(this.#context, stretch.date);
    else if (!overlapped || settled - this.#at > Math.max(this.#context.options.settle, LEAST_LAG)) return;
    this.#ended = true;
    this.#complete = !stale;
    this.#cursor = this.#rested(stretch.at);
  }

  /** The poll saw all that there is: whether nothing newer came for `overlap` of our time. */
  #rested(now: number): Cursor {
    const { newest, newestAt = now } = this.#cursor;
    if (newest !== this.#before.newest) return this.#cursor;
    // Our clock was set back: the time begins anew.
    if (newestAt > now) return { ...this.#cursor, newestAt: now };
    return now - newestAt >= this.#context.options.overlap ? { ...this.#cursor, quiet: true } : this.#cursor;
  }

  #lengthen(): void {
    const { slice, ...rest } = this.#cursor;
    if (slice === undefined) return;
    this.#cursor = slice * 2 < this.#context.options.slice ? { ...rest, slice: slice * 2 } : rest;
  }

  /**
   * When the console's clock was set back, rows since then are dated before what was read. What it may have dated since
   * the last poll is read again, once, as far as the ledger knows what was told: `initial_lookback`.
   */
  #followBack(before: Cursor, setBack: number, { at, date }: Dated): readonly Gap[] {
    const wanted = this.#startOf(before, before.next) - setBack;
    const from = Math.max(before.known, Math.min(wanted, this.#at));
    const { quiet: _, ...cursor } = this.#cursor;
    const passed = Math.max(before.newest ?? 0, before.passed ?? 0);
    // What is within the tolerance may be servers whose clocks differ a little: that is no news.
    if (setBack > this.#clock.tolerance) warnOfClock(this.#context, { from, to: before.next });
    this.#at = from;
    this.#cursor = { ...cursor, next: from, known: before.known, newest: from, passed, newestAt: at };
    // Only a `Date` from before what was read shows for sure that it was not our clock that was set forward.
    if (wanted >= from || date - this.#context.options.settle >= before.next - PRECISION) return [];
    return [{ from: Math.max(0, wanted), to: from, reason: SET_BACK, part: '' }];
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

/** HTTP Basic calls are logins: each poll would find the ones before it. Said once per process. */
export function warnOfBasic(context: ConsoleContext): void {
  if (context.options.token !== undefined || !isFirst(context, 'basic')) return;
  context.log.warn(
    {},
    'This source polls with username and password: the console records each poll as a login attempt (HTTP_BASIC), which the next poll ships. Use the token of an authorized service instead.',
  );
}

/** Without the ADMIN capability, the list holds the caller's own attempts, and nothing says so. Said once per process. */
export function warnOfOwnRows(context: ConsoleContext, users: readonly string[] = []): void {
  if (users.length !== 1 || !isFirst(context, 'own rows')) return;
  context.log.warn(
    { user: { id: users[0] } },
    'All login attempts ever seen here are of one user: the credential may lack the ADMIN capability, and then is shown its own only. `penstock check` says what it may read.',
  );
}

/** Every jump is told, since it is followed once. */
export function warnOfClock(context: ConsoleContext, { from, to }: Span): void {
  context.log.warn(
    { event: { start: isoTime(from), end: isoTime(to) } },
    'The console’s clock went back, or ours was set forward: this span is read again, since new attempts may be dated in it. Keep both clocks synchronised.',
  );
}

/** A cache holds answers for so long that what is new is not seen. Said once per process. */
export function warnOfStaleAnswer(context: ConsoleContext, date: number): void {
  if (!isFirst(context, 'stale answer')) return;
  context.log.warn(
    { event: { created: isoTime(date) } },
    'A cache between here and the console gave an old answer: it covers what its Date says, and newer attempts wait. Make the cache leave /api/ alone.',
  );
}

function isFirst(context: ConsoleContext, notice: string): boolean {
  const first = !context.memo.has(notice);
  context.memo.set(notice, true);
  return first;
}
