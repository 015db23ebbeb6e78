import type { App } from './app.ts';
import { StateError } from '../core/errors.ts';

/** Milliseconds. */
const NOTE_EVERY = 60_000;
const LOOK_EVERY = 1_000;

/**
 * Looks every so many milliseconds whether the files of the state are still there, until delivering ends, and notes once a
 * minute how far the state is. Rejects with a StateError when they are not: going on would lose or repeat data.
 */
export async function watchState(
  { journal, clock, log, keepsLast, delivering: signal }: App,
  lookEvery: number = LOOK_EVERY,
): Promise<void> {
  let noted = -Infinity;
  while (!signal.aborted) {
    try {
      await journal.requirePresent();
      const now = clock.now();
      if (keepsLast && Math.abs(now - noted) >= NOTE_EVERY && (await journal.noteLast(now))) noted = now;
    } catch (error) {
      if (error instanceof StateError) throw error;
      log.error({ err: error }, 'The files of the state could not be looked at; it is tried again.');
    }
    await clock.sleep(lookEvery, signal).catch(() => undefined);
  }
}
