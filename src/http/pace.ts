import type { Clock } from '../core/clock.ts';
import { ThrottledError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Budget, Budgets } from './budget.ts';
import type { RawAnswer } from './exchange.ts';
import { exhaustedFor, throttledFor } from './retry-after.ts';
import { isThrottled } from './verdict.ts';

interface Pacing {
  readonly budgets: Budgets;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Logger;
  /** The vendor's clock, epoch milliseconds. */
  readonly vendorNow: number;
  /** How often this request was tried, from 1. */
  readonly attempt: number;
}

/** Pauses after a 429 that does not say how long. Milliseconds. */
const FIRST_PAUSE = 5_000;
const LONGEST_BLIND_PAUSE = 60_000;

/**
 * Pauses the budget, durably, as the answer asks. Returns the error of an answer that was refused for asking too
 * often; undefined for any other, also when its headers say that it was the last one for now.
 */
export async function pace(raw: RawAnswer, pacing: Pacing): Promise<ThrottledError | undefined> {
  const { budgets, budget, clock, log, vendorNow } = pacing;
  if (!isThrottled(raw)) {
    const wait = exhaustedFor(raw.headers, vendorNow);
    if (wait !== undefined) await budgets.pause(budget, clock.now() + wait);
    return undefined;
  }
  const blind = Math.min(LONGEST_BLIND_PAUSE, FIRST_PAUSE * 2 ** (pacing.attempt - 1));
  const until = clock.now() + (throttledFor(raw.headers, vendorNow) ?? blind);
  await budgets.pause(budget, until);
  const end = new Date(until).toISOString();
  log.warn(
    { http: { response: { status_code: raw.status } }, url: { full: raw.url }, event: { end } },
    'The vendor asked us to wait.',
  );
  const message = `${raw.url} asked us to wait until ${end}. Lower \`quota\` if other programs share this credential.`;
  return new ThrottledError(message, raw.url, until);
}
