import { z } from 'zod';
import type { ClockReading, Http } from '../../core/http.ts';
import type { SourceContext } from '../../core/source.ts';
import { aheadOfOurs } from '../../http/vendor-clock.ts';

/** `Date` has whole seconds, so clocks this near are the same. Milliseconds. */
export const PRECISION = 2_000;

/** For a cursor: what the vendor's clock was ahead of ours at the last answer. Milliseconds; absent before the first one. */
export const ahead = z.int().optional();

/**
 * The vendor's clock as one stream knows it, for one poll. Every request that goes through `http` is held against it:
 * an answer that is dated otherwise is put aside until another one confirms it. Keep `ahead` with the cursor.
 */
export class KeptClock {
  /** The source's client; its answers are held against this clock. */
  readonly http: Http;
  readonly tolerance: number;
  readonly #run: SourceContext<unknown>;
  #ahead: number | undefined;
  #setBack = 0;

  /**
   * `ahead` is what the cursor has. `slack`: how far an answer may be off without harm, ms: what a window leaves
   * (`settle`) and reads again (`overlap`).
   */
  constructor(run: SourceContext<unknown>, { ahead, slack }: { ahead: number | undefined; slack: number }) {
    const { http } = run;
    this.#run = run;
    this.#ahead = ahead;
    this.tolerance = toleranceOf(slack);
    this.http = {
      available: (route) => http.available(route),
      recall: (known) => http.recall(known),
      get: async (request) => {
        const answer = await http.get({
          ...request,
          clock: { ahead: this.#ahead, tolerance: this.tolerance },
        });
        if (answer.clock !== undefined) this.#learn(answer.clock);
        return answer;
      },
    };
    if (ahead !== undefined) http.recall(ahead);
  }

  /** What the vendor's clock is ahead of ours, ms; undefined before the first answer that told it. */
  get ahead(): number | undefined {
    return this.#ahead;
  }

  /**
   * How far the vendor's clock was set back (or ours forward, which looks the same) since this was asked last, ms, at
   * most; 0 when it was not. Records from then on may be dated that much before what was read.
   */
  takeSetBack(): number {
    const setBack = this.#setBack;
    this.#setBack = 0;
    return setBack;
  }

  /** Warns once per process and source while the clocks differ by more than `limit` milliseconds. */
  warnOfDifference(limit: number): void {
    const { memo, log } = this.#run;
    const differs = this.#ahead !== undefined && Math.abs(this.#ahead) > limit;
    if (!differs) memo.delete(DIFFERENCE);
    else if (!memo.has(DIFFERENCE)) {
      memo.set(DIFFERENCE, true);
      log.warn(
        { penstock: { clock_ahead_ms: this.#ahead } },
        `The vendor's clock is ${aheadOfOurs(this.#ahead ?? 0)}. Windows follow the vendor's clock; keep both synchronised (NTP), and see whether a proxy on the way sets its own Date.`,
      );
    }
  }

  #learn(reading: ClockReading): void {
    this.#setBack += setBackBy(this.#ahead, reading);
    this.#ahead = reading.ahead;
  }
}

const DIFFERENCE = 'clock difference';

/** By how much an answer may differ from the known clock without being put aside. Milliseconds. */
export function toleranceOf(slack: number): number {
  return slack + PRECISION;
}

/** How far a clock was set back, ms, at most; 0 when it was not, or when the time that the answer took explains it. */
export function setBackBy(known: number | undefined, { ahead, waited }: ClockReading): number {
  if (known === undefined || known - (ahead + waited) <= PRECISION) return 0;
  // A `Date` is up to a second older than the clock that it was taken from.
  return known - ahead + 1_000;
}

/** How far a stream of dated records was read. Epoch ms of the vendor's clock. */
export interface Reached {
  /** Every record before it was read, by the `Date` of the answers. */
  readonly next: number;
  /** From here on, the ledger holds every key: nothing before it is read again. */
  readonly known: number;
  /** The time of the newest record seen; of the first moment asked about, before there was one. */
  readonly newest: number;
  /** Nothing newer came for `overlap` of our time. */
  readonly quiet: boolean;
}

/**
 * Where a poll begins: `overlap` before the newest record seen, or at it when nothing newer came for a while, so that no
 * wrong `Date` can pass a record; at least `overlap` before `next`, and no more than a window of `slice` ms before
 * `settled`, up to which it reads.
 */
export function readingStart(
  { next, known, newest, quiet }: Reached,
  { overlap, slice, settled }: { readonly overlap: number; readonly slice: number; readonly settled: number },
): number {
  const seen = Math.max(quiet ? newest : newest - overlap, settled - slice);
  return Math.max(known, Math.min(seen, next - overlap));
}
