import { setTimeout as timer } from 'node:timers/promises';

/** The time for everything that waits or stamps, so that tests can control it. Milliseconds since the epoch, UTC. */
export interface Clock {
  now(): number;
  /** Resolves after `ms` (at once for 0 or less); rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay that Node's timers take; a longer one would fire at once. */
const LONGEST_TIMER = 2_147_483_647;

export const systemClock: Clock = {
  now: () => Date.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      for (let left = ms; left > 0; left -= LONGEST_TIMER) {
        await timer(Math.min(left, LONGEST_TIMER), undefined, signal && { signal });
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  },
};

/** A random number in [0, 1), for jitter. */
export type Random = () => number;

/** Resolves when the signal aborts; at once when it already has. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) resolve();
  return promise;
}
