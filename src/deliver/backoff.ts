import type { Random } from '../core/clock.ts';

const FIRST = 1_000;
const LONGEST = 30_000;

/** Delays between repeats, in milliseconds: from at most 1 s, doubling to at most 30 s, without end, with jitter. */
export class Backoff {
  readonly #random: Random;
  #ceiling = FIRST;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Between half of the ceiling and all of it, so that many of us do not come back at once. */
  next(): number {
    const delay = this.#ceiling * (0.5 + this.#random() / 2);
    this.#ceiling = Math.min(LONGEST, this.#ceiling * 2);
    return delay;
  }

  reset(): void {
    this.#ceiling = FIRST;
  }
}
