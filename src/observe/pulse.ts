import type { Clock } from '../core/clock.ts';

/** How often the pulse is taken. Milliseconds. */
const TICK = 10_000;

/**
 * Tells whether loops still move: each says how long it may be silent. The silence is counted in ticks of the clock's
 * own sleep, not read off the time of day, so that a clock that jumps makes nobody restart a healthy process.
 */
export class Pulse {
  #ticks = 0;
  /** The tick by which each loop is to have been heard of again. */
  readonly #latest = new Map<string, number>();

  /** A loop moves, and is to be heard of again within so many milliseconds. */
  expect(loop: string, within: number): void {
    this.#latest.set(loop, this.#ticks + Math.ceil(within / TICK) + 1);
  }

  /** Nothing is expected of any loop: they have ended. */
  rest(): void {
    this.#latest.clear();
  }

  /** The loops that have been silent for longer than they said. */
  get stuck(): readonly string[] {
    return [...this.#latest].filter(([, tick]) => tick < this.#ticks).map(([loop]) => loop);
  }

  /** Counts until the signal aborts. `onTick` lets those be heard of who rest without a time. */
  async run(clock: Clock, signal: AbortSignal, onTick: () => void): Promise<void> {
    while (!signal.aborted) {
      onTick();
      await clock.sleep(TICK, signal).catch(() => undefined);
      this.#ticks += 1;
    }
  }
}
