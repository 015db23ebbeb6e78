import type { Clock } from '../core/clock.ts';
import { StateError } from '../core/errors.ts';
import { showDuration } from '../core/text.ts';
import { JournalWriteError } from './journal.ts';

/** How long a command tries to reach a database, unless it has a deadline of its own. Milliseconds. */
const PATIENCE = 10_000;
const TRY_EVERY = 500;

export interface Patience {
  readonly clock: Clock;
  /** How long a database that does not answer is tried again, milliseconds; 0: it is not. Default: 10 s. */
  readonly patience?: number | undefined;
  /** Ends the attempts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tries again while a database does not answer.
 * @throws StateError it did not for so long; without patience JournalWriteError, as `attempt` does
 */
export async function reached<T>(
  attempt: () => Promise<T>,
  { clock, patience = PATIENCE, signal }: Patience,
): Promise<T> {
  const began = clock.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof JournalWriteError) || patience === 0) throw error;
      if (clock.now() + TRY_EVERY >= began + patience || signal?.aborted === true)
        throw unreached(error, patience);
      await clock.sleep(TRY_EVERY, signal).catch(() => undefined);
    }
  }
}

function unreached(error: JournalWriteError, patience: number): StateError {
  const tried = showDuration(Math.max(1_000, patience));
  return new StateError(
    `${error.message} Penstock tried for ${tried}. Check that the server runs, and that state.postgres.url leads to it.`,
    { cause: error },
  );
}
