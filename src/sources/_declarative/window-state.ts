import type { Gap, Page, Span } from '../../core/source.ts';
import { PRECISION } from '../_kit/clock.ts';
import { doubled, halved, NEVER, SHORTEST_LAG, SHORTEST_SLICE, YEAR } from '../_kit/windows.ts';
import type { WindowCursor } from './cursors.ts';
import type { WindowOptions, WindowPlan } from './definition.ts';
import { floorTo } from './time.ts';
import { lowerBound } from './window-walk.ts';

/** One answer of a walk through a window. Times are epoch ms. */
export interface Seen {
  /** The vendor's clock. */
  readonly date: number;
  readonly oldest: number | undefined;
  readonly newest: number | undefined;
  /** Nothing follows in this walk. */
  readonly last: boolean;
  /** More follows, and the poll may not ask for it. */
  readonly cut: boolean;
  /** The poll may send no further request. */
  readonly spent: boolean;
}

/** Everything of a page but its records. */
export type Tail = Omit<Page<WindowCursor>, 'observations'>;

interface StateParts {
  readonly plan: WindowPlan;
  readonly options: WindowOptions;
  readonly cursor: WindowCursor;
  /** A window counts as read only when its walk ended. */
  readonly whole: boolean;
  /** Keys come again with later times, so they are kept long. */
  readonly mutable: boolean;
}

/** A gap of all of the stream. */
export function gapOf(span: Span, reason: string): Gap {
  return { ...span, reason, part: '' };
}

/** Which window a poll reads next, and the cursor after what it has read. */
export class WindowState {
  readonly #parts: StateParts;
  #cursor: WindowCursor;
  /** `next`, `slice` and the beginning of this poll. */
  #before: number;
  #firstSlice: number | undefined;
  #begun = 0;
  /** This poll has read everything before this time. */
  #at = 0;
  /** The part of a slice that an earlier poll left unread; undefined: new windows are read. */
  #pending: WindowCursor['pending'];
  #window: Span = { from: 0, to: 0 };
  /** Up to here the records of the window are settled, by the clock of its answers. */
  #end = 0;
  #oldest = Infinity;
  #newest = -Infinity;
  #complete = false;

  constructor(parts: StateParts) {
    this.#parts = parts;
    this.#cursor = parts.cursor;
    this.#before = parts.cursor.next;
  }

  get cursor(): WindowCursor {
    return this.#cursor;
  }

  /** Everything that is settled was read. */
  get complete(): boolean {
    return this.#complete;
  }

  /** The oldest and the newest record of the walk so far, epoch ms. */
  get seen(): { readonly oldest: number; readonly newest: number } {
    return { oldest: this.#oldest, newest: this.#newest };
  }

  /** Keeps what was learned besides. */
  note(learned: Partial<Pick<WindowCursor, 'ahead' | 'cap'>>): void {
    const known = Object.entries(learned).filter(([, value]) => value !== undefined);
    this.#cursor = { ...this.#cursor, ...(Object.fromEntries(known) as typeof learned) };
  }

  /** Moves the cursor to where the vendor still has records. Returns the gap before that. */
  skipForgotten(now: number): Gap | undefined {
    const edge = now - (this.#parts.plan.retention ?? Infinity);
    const { next, pending, ...rest } = this.#cursor;
    if (next >= edge) return undefined;
    // What was read above the unread part of a slice stays read.
    const stays = pending !== undefined && pending.to > edge ? { pending } : {};
    const read = pending !== undefined && pending.to <= edge ? Math.max(edge, pending.read) : edge;
    this.#cursor = { ...rest, next: read, ...stays };
    return gapOf({ from: next, to: Math.min(edge, pending?.to ?? Infinity) }, 'beyond-retention');
  }

  /** The overlap is read once, before the first request of a poll. */
  begin(): void {
    const { overlap } = this.#parts.options;
    this.#before = this.#cursor.next;
    this.#firstSlice = this.#cursor.slice;
    this.#at = Math.max(0, this.#cursor.resume ?? this.#cursor.next - overlap);
    this.#begun = this.#at;
    this.#window = { from: 0, to: 0 };
    this.#pending = this.#cursor.pending;
    this.#complete = false;
  }

  /** The window to read next; undefined when nothing is settled. It ends where records are settled by our estimate. */
  window(now: number): Span | undefined {
    const { plan, options } = this.#parts;
    // Another overlap may have moved the beginning above the part that was left.
    if (this.#pending !== undefined && this.#pending.to <= floorTo(this.#at, plan.units.from))
      this.#passPending();
    const from = floorTo(this.#at, plan.units.from);
    const settled = now - options.settle;
    const slice = plan.filter === 'both' ? Math.min(this.#cursor.slice ?? Infinity, options.slice) : Infinity;
    const end = Math.min(settled, this.#at + Math.max(slice, plan.units.to));
    const to = this.#pending?.to ?? (plan.filter === 'both' ? floorTo(end, plan.units.to) : end);
    // After our clock was set back the estimate is before what was read: a poll asks once, to learn the vendor's.
    if (to <= from && (settled >= this.#cursor.next || this.#window.to > 0)) {
      this.#complete = true;
      return undefined;
    }
    this.#window = { from, to: Math.max(to, floorTo(from, plan.units.to) + plan.units.to) };
    this.startWalk();
    return this.#window;
  }

  /** To be called before the window is walked through again. */
  startWalk(): void {
    this.#end = this.#window.to;
    this.#oldest = Infinity;
    this.#newest = -Infinity;
  }

  /** What an answer changes. Its page must be durable before the next request. */
  advance(seen: Seen): Tail {
    const { plan, options, whole } = this.#parts;
    // Never later than what was settled when the vendor answered, whatever our clock or a record says.
    this.#end = Math.min(this.#end, seen.date - options.settle);
    this.#oldest = Math.min(this.#oldest, seen.oldest ?? Infinity);
    this.#newest = Math.max(this.#newest, seen.newest ?? -Infinity);
    if (seen.last) return this.#finish(seen);
    if (whole) return seen.cut ? this.#cutShort() : {};
    return plan.order === 'ascending' ? this.#rise(seen) : this.#sink(seen);
  }

  /** After the vendor's clock was set back, new records may be dated in what was read: it is read again. */
  followBack(setBack: number, date: number): Tail {
    const known = this.#forgetBefore();
    const wanted = Math.min(this.#before, this.#cursor.next) - setBack;
    const { pending: _, resume: __, ...cursor } = this.#cursor;
    this.#cursor = { ...cursor, next: Math.max(0, known, wanted) };
    const isProven = date - this.#parts.options.settle < this.#before - PRECISION;
    if (wanted >= known || !isProven) return { cursor: this.#cursor };
    return {
      cursor: this.#cursor,
      gaps: [gapOf({ from: Math.max(0, wanted), to: known }, 'clock-set-back')],
    };
  }

  /** Puts the cursor back to where the poll began, or to another place. */
  reset(cursor = this.#parts.cursor): WindowCursor {
    this.#cursor = cursor;
    return cursor;
  }

  /** Keeps the span in which records moved during a walk, until a quiet walk. */
  noteMoved(span: Span): Gap {
    const { moved } = this.#cursor;
    this.#cursor = {
      ...this.#cursor,
      moved: { from: Math.min(moved?.from ?? Infinity, span.from), to: span.to },
    };
    return gapOf(span, MOVED);
  }

  /** The span that a quiet walk closes. */
  takeMoved(): readonly Gap[] {
    const { moved, ...rest } = this.#cursor;
    if (moved === undefined) return [];
    this.#cursor = rest;
    return [gapOf(moved, MOVED)];
  }

  /** When the ledger may forget a record of this time. Epoch ms. */
  rememberAt(time: number | undefined): number {
    if (time === undefined) return this.#cursor.next + YEAR;
    return time < this.#forgetBefore() ? NEVER : time;
  }

  #forgetBefore(): number {
    const { plan, options, mutable } = this.#parts;
    // Keys of a mutable stream come again with later times.
    const reach = Math.max(mutable ? YEAR : 0, options.initial_lookback);
    return lowerBound(plan, this.#cursor.next - reach - options.overlap);
  }

  #moved(covered: Span): Tail {
    return {
      cursor: this.#cursor,
      forgetBefore: this.#forgetBefore(),
      ...(covered.from < covered.to && { covered }),
    };
  }

  /** Ascending: everything before the newest record was read. */
  #rise({ newest, cut }: Seen): Tail {
    if (newest === undefined) return {};
    const { from } = this.#window;
    const { resume: _, ...cursor } = this.#cursor;
    const to = Math.min(newest, this.#end);
    this.#cursor = { ...cursor, next: Math.max(cursor.next, to) };
    const { from: unit } = this.#parts.plan.units;
    if (!cut || floorTo(to, unit) > this.#before) return this.#moved({ from, to });
    // All requests of this poll were spent on what an earlier one has read.
    if (floorTo(to, unit) > from) {
      this.#cursor = { ...this.#cursor, resume: to };
      return this.#moved({ from, to });
    }
    // An exclusive bound is printed a unit earlier, and shows again what is before the window.
    const rest = { from: to, to: floorTo(Math.max(to, from), unit) + unit };
    this.#cursor = { ...this.#cursor, next: Math.max(this.#cursor.next, rest.to), resume: rest.to };
    return { ...this.#moved({ from, to }), gaps: [gapOf(rest, 'too-many-pages')] };
  }

  /** Descending: everything above the oldest record was read, and the next poll goes on below. */
  #sink({ cut }: Seen): Tail {
    const { to: unit } = this.#parts.plan.units;
    if (this.#oldest === Infinity) return {};
    const read = this.#readTo();
    // Inclusive: more records may have the oldest one's time.
    const to = Math.min(this.#window.to, floorTo(this.#oldest, unit) + unit);
    const isStuck = cut && to >= this.#window.to;
    const rest = { from: Math.max(this.#window.from, to - unit), to };
    this.#cursor = { ...this.#cursor, pending: { to: isStuck ? rest.from : to, read } };
    const tail = this.#moved({ from: Math.max(this.#window.from, this.#oldest + 1), to: this.#end });
    return isStuck ? { ...tail, gaps: [gapOf(rest, 'too-many-pages')] } : tail;
  }

  /** What is read when the window is: the end of the slice, of which an earlier poll read the upper part. */
  #readTo(): number {
    return this.#pending?.read ?? this.#end;
  }

  #passPending(): void {
    const { pending, ...cursor } = this.#cursor;
    this.#cursor = { ...cursor, next: Math.max(cursor.next, pending?.read ?? 0) };
    this.#at = this.#cursor.next - this.#parts.options.overlap;
    this.#pending = undefined;
  }

  #finish({ date, spent }: Seen): Tail {
    const { settle, overlap } = this.#parts.options;
    const { pending: _, resume: __, ...cursor } = this.#cursor;
    const readTo = this.#readTo();
    this.#cursor = this.#lengthened({ ...cursor, next: Math.max(cursor.next, readTo) });
    const isPending = this.#pending !== undefined;
    // What came late above the part that was left is read as well.
    this.#at = isPending ? Math.max(this.#window.from, readTo - overlap) : this.#end;
    this.#pending = undefined;
    const lag = date - settle - this.#end;
    this.#complete = !isPending && lag <= Math.max(settle, SHORTEST_LAG, this.#parts.plan.units.to);
    if (!this.#complete && spent) this.#cursor = { ...this.#cursor, resume: this.#at };
    return {
      ...this.#moved({ from: this.#window.from, to: this.#end }),
      ...(this.#complete && { complete: true }),
    };
  }

  /** A window that does not fit into a poll: the next one is shorter; where that cannot be, the rest is a gap. */
  #cutShort(): Tail {
    const { plan } = this.#parts;
    const { from, to } = this.#window;
    const length = Math.min(to - from, this.#firstSlice ?? Infinity);
    const slice = halved(length, Math.max(SHORTEST_SLICE, plan.units.to));
    const isWholePoll = from <= this.#begun;
    if (plan.filter === 'both' && (slice !== undefined || !isWholePoll)) {
      // The next poll begins with this window, so that all of its requests are for it.
      this.#cursor = { ...this.#cursor, slice: slice ?? length, resume: from };
      return { cursor: this.#cursor };
    }
    const unread = plan.order === 'descending' ? Math.min(this.#oldest + 1, this.#end) : this.#end;
    this.#cursor = { ...this.#cursor, next: Math.max(this.#cursor.next, this.#end), resume: this.#end };
    return {
      ...this.#moved({ from: unread, to: this.#end }),
      ...(unread > from && { gaps: [gapOf({ from, to: unread }, 'too-many-pages')] }),
    };
  }

  #lengthened(cursor: WindowCursor): WindowCursor {
    const { slice, ...rest } = cursor;
    const longer = slice === undefined ? undefined : doubled(slice, this.#parts.options.slice);
    return longer === undefined ? rest : { ...rest, slice: longer };
  }
}

const MOVED = 'changed-while-read';
