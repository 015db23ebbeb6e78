import type { Clock } from '../core/clock.ts';
import { TimedOutError } from '../core/errors.ts';

/** A request that has been told to end has this long to do so, whatever lies below it. Milliseconds. */
export const SETTLE = 5_000;

/** A request that had not ended five seconds after its time-out. */
export class GivenUpError extends TimedOutError {}

interface Watched {
  /** Aborts when the work is told to end. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
  /** Aborts when nobody waits any longer. */
  readonly done: AbortSignal;
}

/**
 * What the work gives, within five seconds after it was told to end. A library may leave a request unsettled for ever
 * (a response that switches protocols, a file that never answers), and nobody would wait for anything else again.
 *
 * @throws GivenUpError after that
 */
export async function settled<T>(work: Promise<T>, { stop, clock, done }: Watched): Promise<T> {
  return Promise.race([work, unsettled()]);

  async function unsettled(): Promise<never> {
    await aborted(stop, done);
    await clock.sleep(SETTLE, done);
    throw new GivenUpError('The work did not end', '');
  }
}

/** Resolves when `signal` aborts; never, once `done` has, so that nothing is left behind on a signal that lives long. */
export function aborted(signal: AbortSignal, done: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true, signal: done });
  if (signal.aborted) resolve();
  return promise;
}
