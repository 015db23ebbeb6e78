import pRetry, { type RetryContext } from 'p-retry';
import type { Clock, Random } from '../core/clock.ts';
import {
  explain,
  ThrottledError,
  TimedOutError,
  UnavailableError,
  UnreadableAnswerError,
} from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import { BusyError } from './verdict.ts';

interface RetrySettings {
  /** Further tries after the first. */
  readonly retries: number;
  readonly retryTimeouts: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const FIRST_BACKOFF = 1_000;
const LONGEST_BACKOFF = 30_000;

/**
 * The one layer that tries again: a second one below it would spend requests that this one does not know of. `attempt`
 * is given its number, from 1. What does not pass by itself is thrown at once, and the last error when the tries are
 * used up; the signal's reason when aborted between two tries.
 */
export async function withRetries<T>(
  attempt: (number: number) => Promise<T>,
  { retries, retryTimeouts, clock, random, signal, log }: RetrySettings,
): Promise<T> {
  return pRetry(attempt, {
    retries,
    // We wait ourselves, on our own clock.
    minTimeout: 0,
    shouldRetry: ({ error }) => passes(error, retryTimeouts),
    async onFailedAttempt({ error, attemptNumber, retriesLeft }: RetryContext) {
      if (retriesLeft === 0 || !passes(error, retryTimeouts)) return;
      const wait = backoff(error, attemptNumber, random);
      const next = {
        retry: attemptNumber,
        retries,
        retry_after_ms: Math.round(shownWait(error, wait, clock)),
      };
      log.info(
        { error: { type: error.name, message: explain(error) }, penstock: next },
        'Request failed; retrying.',
      );
      await clock.sleep(wait, signal);
    },
  });
}

function passes(error: Error, retryTimeouts: boolean): boolean {
  if (error instanceof TimedOutError) return retryTimeouts;
  return error instanceof UnavailableError || error instanceof UnreadableAnswerError;
}

/** A throttled request waits in its budget. */
function shownWait(error: Error, wait: number, clock: Clock): number {
  return error instanceof ThrottledError ? Math.max(0, error.until - clock.now()) : wait;
}

/** Full jitter, so that many streams that failed together do not come back together. A throttled one waits in its budget. */
function backoff(error: Error, attempt: number, random: Random): number {
  if (error instanceof ThrottledError) return 0;
  const jittered = random() * Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1));
  return error instanceof BusyError ? Math.max(error.wait, jittered) : jittered;
}
