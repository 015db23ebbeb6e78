import type { Gap, Span } from '../../core/source.ts';
import { isoTime } from '../../ecs/common.ts';
import { type KeptClock, PRECISION } from '../_kit/clock.ts';
import { isFirst } from '../_kit/memo.ts';
import { doubled, halved, readingStart, SHORTEST_LAG } from '../_kit/windows.ts';
import { userIdOf } from './normalise.ts';
import type { Context, Cursor } from './schemas.ts';
import type { Stretch } from './walk.ts';

/** `reason` of a gap: the console's clock was set back further than the ledger reaches. */
const SET_BACK = 'clock-set-back';

type Dated = Stretch & { readonly at: number };

/** Which window a poll reads next, and the cursor after what it has read. Times are epoch ms of the console's clock. */
export class WindowPosition {
  readonly #context: Context;
  readonly #clock: KeptClock;
  /** The cursor of the previous poll. */
  readonly #before: Cursor;
  #cursor: Cursor;
  /** This poll has read everything before this time. */
  #at: number;
  #date = -Infinity;
  #ended = false;
  #complete = false;

  constructor(context: Context, cursor: Cursor, clock: KeptClock) {
    this.#context = context;
    this.#clock = clock;
    this.#before = cursor;
    this.#cursor = cursor;
    this.#at = this.#startOf(cursor, Math.max(context.now() - context.options.settle, cursor.next));
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Nothing more can be read now. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Everything that is settled was read. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The window to read next. It ends where we estimate that rows are settled; the answer corrects that. */
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
   * To be called with each stretch that was read. Its page must be durable before the next stretch is requested. Returns gaps
   * for what can no longer be read. With `again`, the rest of the window must not be read: `window` now begins earlier.
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

  /** Halves the span of a window. False: it already is the shortest one. */
  shorten({ to }: Span): boolean {
    const slice = halved(to - this.#at);
    if (slice === undefined) return false;
    this.#cursor = { ...this.#cursor, slice };
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
    // The ledger must know what may be read again: by the next poll, or further back when the clock is set back. Our clock
    // counts too: otherwise a Date from the future would make the ledger forget everything.
    const reachable = Math.min(cursor.next, stretch.at) - lookback - overlap;
    const known = Math.min(reachable, this.#startOf(cursor, cursor.next));
    return { ...cursor, known: Math.max(cursor.known, known) };
  }

  #endWindow(stretch: Dated, settled: number): void {
    this.#lengthen();
    const overlapped = this.#at >= Math.min(this.#before.next, settled - PRECISION);
    const stale = stretch.at + (this.#clock.ahead ?? 0) - stretch.date > this.#clock.tolerance;
    // A cache would give the same answer if it were asked again at once.
    if (stale) warnOfStaleAnswer(this.#context, stretch.date);
    else if (!overlapped || settled - this.#at > Math.max(this.#context.options.settle, SHORTEST_LAG)) return;
    this.#ended = true;
    this.#complete = !stale;
    // An old answer does not show what came since.
    if (!stale) this.#cursor = this.#rested(stretch.at);
  }

  /** The poll saw everything: notes whether nothing newer came for `overlap` of our time. */
  #rested(now: number): Cursor {
    const { newest, newestAt = now } = this.#cursor;
    if (newest !== this.#before.newest) return this.#cursor;
    // Our clock was set back: count from now.
    if (newestAt > now) return { ...this.#cursor, newestAt: now };
    return now - newestAt >= this.#context.options.overlap ? { ...this.#cursor, quiet: true } : this.#cursor;
  }

  #lengthen(): void {
    const { slice: before, ...rest } = this.#cursor;
    if (before === undefined) return;
    const slice = doubled(before, this.#context.options.slice);
    this.#cursor = { ...rest, ...(slice !== undefined && { slice }) };
  }

  /**
   * After the console's clock was set back, new rows are dated before what was read. The span in which they may be dated is
   * read again, once, as far back as the ledger knows what was emitted: `initial_lookback`.
   */
  #followBack(before: Cursor, setBack: number, { at, date, newest }: Dated): readonly Gap[] {
    const wanted = this.#startOf(before, before.next) - setBack;
    const from = Math.max(before.known, Math.min(wanted, this.#at));
    const { quiet: _, ...cursor } = this.#cursor;
    // Only a `Date` from before what was read proves that our clock was not set forward instead.
    const isProven = date - this.#context.options.settle < before.next - PRECISION;
    // What the console's clock showed before, at most: rows that it dated then may still be unread. Not where it was so
    // far ahead that the `Date` was wrong rather than the clock: all of that time would be read again at every poll.
    const isClock = isProven && setBack <= this.#context.options.slice;
    const showed = isClock ? Math.max(date, at + (this.#clock.ahead ?? 0)) + setBack : 0;
    const passed = Math.max(before.newest ?? 0, before.passed ?? 0, newest, showed);
    // A difference within the tolerance may be several servers whose clocks differ a little.
    if (setBack > this.#clock.tolerance) warnOfClock(this.#context, { from, to: before.next });
    this.#at = from;
    this.#cursor = { ...cursor, next: from, known: before.known, newest: from, passed, newestAt: at };
    if (wanted >= from || !isProven) return [];
    return [{ from: Math.max(0, wanted), to: from, reason: SET_BACK, part: '' }];
  }
}

/** The first two users seen: more make no difference. */
function usersSeen(known: readonly string[], { attempts }: Stretch): string[] {
  const users = new Set(known);
  for (const { record } of attempts) {
    if (users.size >= 2) break;
    const id = userIdOf(record);
    if (id !== undefined) users.add(id);
  }
  return [...users];
}

/** HTTP Basic requests are logins, so each poll finds the previous one. Logged once per process. */
export function warnOfBasic(context: Context): void {
  if (context.options.token !== undefined || !isFirst(context, 'basic')) return;
  context.log.warn(
    {},
    'This source polls with username and password, so the console records each poll as a login attempt (HTTP_BASIC), which the next poll ships. Use the token of an authorized service instead.',
  );
}

/** Without the ADMIN capability the list contains only the caller's own attempts, without saying so. Logged once per process. */
export function warnOfOwnRows(context: Context, users: readonly string[] = []): void {
  if (users.length !== 1 || !isFirst(context, 'own rows')) return;
  context.log.warn(
    { user: { id: users[0] } },
    'All login attempts seen so far are of one user: the credential may lack the ADMIN capability and see only its own. Run `penstock check` to see what it may read.',
  );
}

/** Logged each time: a jump is followed once. */
export function warnOfClock(context: Context, { from, to }: Span): void {
  context.log.warn(
    { event: { start: isoTime(from), end: isoTime(to) } },
    'The console’s clock was set back, or ours forward; the span is read again because new attempts may be dated in it. Synchronise both clocks (NTP).',
  );
}

/** A cache keeps answers for so long that new rows are not seen. Logged once per process. */
export function warnOfStaleAnswer(context: Context, date: number): void {
  if (!isFirst(context, 'stale answer')) return;
  context.log.warn(
    { event: { created: isoTime(date) } },
    'A cache in front of the console gave an old answer; newer attempts are read later. Exclude /api/ from the cache.',
  );
}
