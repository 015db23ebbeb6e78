import type { Clock } from '../core/clock.ts';
import { type Journal, JournalWriteError } from '../journal/journal.ts';

/** How often a database that is away is tried again. Milliseconds. */
const TRY_EVERY = 500;

interface Reader {
  readonly journal: Pick<Journal, 'leases'>;
  readonly clock: Clock;
  /** Ends the attempts. */
  readonly signal: AbortSignal;
}

/**
 * Reads the state; one on a database that is away is read again until it answers. `read` is called once at least.
 * @throws JournalWriteError the signal aborted before it answered, or the state is not shared
 */
export async function untilRead<T>(read: () => Promise<T>, { journal, clock, signal }: Reader): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      const isAway = error instanceof JournalWriteError && journal.leases !== undefined;
      if (!isAway || signal.aborted) throw error;
      await clock.sleep(TRY_EVERY, signal).catch(() => undefined);
    }
  }
}
