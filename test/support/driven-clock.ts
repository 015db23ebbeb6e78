import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../src/core/clock.ts';

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** A clock that moves only when a test advances it. Sleepers wake in order of their time. */
export class DrivenClock implements Clock {
  #now: number;
  readonly #sleepers = new Set<Sleeper>();

  /** Starts at an ISO 8601 time. */
  constructor(start = '2026-03-02T12:00:00Z') {
    this.#now = Date.parse(start);
  }

  now(): number {
    return this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (ms <= 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper: Sleeper = { at: this.#now + Math.ceil(ms), wake: resolve };
    const abort = () => reject(signal?.reason as Error);
    this.#sleepers.add(sleeper);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** When the next sleeper wakes, epoch ms; undefined when nothing sleeps. */
  get next(): number | undefined {
    return this.#sleepers.size === 0 ? undefined : Math.min(...[...this.#sleepers].map(({ at }) => at));
  }

  /** The wall clock jumps, forward or back, and no time passes: sleepers keep the time that was left. */
  jump(ms: number): void {
    this.#now += ms;
    const shifted = [...this.#sleepers].map((sleeper) => ({ sleeper, at: sleeper.at + ms }));
    for (const { sleeper, at } of shifted) Object.assign(sleeper, { at });
  }

  /**
   * Lets `ms` pass. Before each sleeper that falls due, and at the end, `settled` is awaited: by default a few turns
   * of the event loop; a whole app passes its own test of being at rest.
   */
  async advance(ms: number, settled: () => Promise<void> = fewTurns): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let next = this.next; next !== undefined && next <= end; next = this.next) {
      this.#now = Math.max(this.#now, next);
      for (const sleeper of this.#sleepers) if (sleeper.at <= this.#now) sleeper.wake();
      await settled();
    }
    this.#now = end;
  }
}

async function fewTurns(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await turn();
}
