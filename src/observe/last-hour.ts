import type { Clock } from '../core/clock.ts';

const MINUTE = 60_000;
const MINUTES = 60;

/** Counts what happened in the last hour, minute by minute: this minute and the 59 before it. */
export class LastHour {
  readonly #clock: Clock;
  /** By the number of the minute since the epoch. */
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

  /** Also minutes that are in the future, after the clock was set back. */
  #forget(now: number): void {
    for (const minute of this.#minutes.keys()) {
      if (minute > now || minute <= now - MINUTES) this.#minutes.delete(minute);
    }
  }
}
