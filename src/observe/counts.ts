import type { Clock } from '../core/clock.ts';

/** Counts values by bucket; cheap enough to be called for every record. */
export class Histogram {
  /** Inclusive upper bounds, ascending. */
  readonly boundaries: readonly number[];
  /** Values by bucket; the last bucket counts values above every bound. */
  readonly counts: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries;
    this.#counts = Array.from({ length: boundaries.length + 1 }, () => 0);
    this.counts = this.#counts;
  }

  get sum(): number {
    return this.#sum;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a duration in milliseconds; the buckets are in seconds. A negative one, after the clock was set back, counts as 0. */
  observe(ms: number): void {
    const seconds = Math.max(0, ms) / 1000;
    let bucket = 0;
    while (bucket < this.boundaries.length && seconds > (this.boundaries[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += seconds;
    this.#count += 1;
  }
}

/** Bounds for requests to vendors and destinations. Seconds. */
export const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** Bounds for commits of pages. Seconds. */
export const COMMIT_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Bounds for the lag of records: from a second to a week. Seconds. */
export const LAG_SECONDS = [1, 5, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400, 604_800];

const MINUTE = 60_000;
const MINUTES = 60;

/** A count for the last hour: this minute and the 59 before it. */
export class LastHour {
  readonly #clock: Clock;
  /** By minutes since the epoch. */
  readonly #minutes = new Map<number, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(count: number): void {
    const minute = this.#now();
    this.#forget(minute);
    this.#minutes.set(minute, (this.#minutes.get(minute) ?? 0) + count);
  }

  get total(): number {
    this.#forget(this.#now());
    return [...this.#minutes.values()].reduce((sum, count) => sum + count, 0);
  }

  #now(): number {
    return Math.floor(this.#clock.now() / MINUTE);
  }

  /** Drops old minutes, and future ones after the clock was set back. */
  #forget(now: number): void {
    for (const minute of this.#minutes.keys()) {
      if (minute > now || minute <= now - MINUTES) this.#minutes.delete(minute);
    }
  }
}
