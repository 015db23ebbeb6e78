import { DateTime } from 'luxon';
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

/** Lower-case header names; repeated headers joined by `, `. */
export type Headers = Readonly<Record<string, string>>;

/** No vendor makes us spin, and none makes us wait longer than this without being asked again. Milliseconds. */
export const SHORTEST_PAUSE = 1_000;
export const LONGEST_PAUSE = 3_600_000;

/** Numbers from here on are points in time: seconds since the epoch (2001 on), then milliseconds (1973 on). */
const EPOCH_SECONDS = 1e9;
const EPOCH_MILLISECONDS = 1e11;

const NUMBERS = /^\d+(\.\d+)?(, *\d+(\.\d+)?)*$/;

/**
 * How long the headers whose names start with `retry-after` ask us to wait: milliseconds from 1 s to 1 h, the longest
 * when several tell; undefined when none does. Throttlers add a suffix to the name (`retry-after-public-api`
 * at Petra). Understood are seconds, HTTP dates (RFC 9110 §10.2.3), epoch seconds and milliseconds.
 *
 * @param now the vendor's clock, epoch milliseconds
 */
export function retryAfter(headers: Headers, now: number): number | undefined {
  return longest(headers, (name) => name.startsWith('retry-after'), now);
}

/** As `retryAfter`; without such a header, what `x-ratelimit-reset*` and its like tell. For an answer that is throttled. */
export function throttledFor(headers: Headers, now: number): number | undefined {
  return (
    retryAfter(headers, now) ?? longest(headers, (name) => /^(x-)?rate-?limit-reset(-|$)/.test(name), now)
  );
}

/**
 * How long to pause because a `…-remaining` header says that nothing is left and its `…-reset` header says until when;
 * milliseconds, undefined when nothing says so.
 */
export function exhaustedFor(headers: Headers, now: number): number | undefined {
  const resets = exhausted(headers).map((name) => name.replace('-remaining', '-reset'));
  return longest(headers, (name) => resets.includes(name), now);
}

/** Whether the headers say that we were refused for asking too often, whatever the status. */
export function saysThrottled(headers: Headers): boolean {
  return Object.keys(headers).some((name) => name.startsWith('retry-after')) || exhausted(headers).length > 0;
}

function exhausted(headers: Headers): string[] {
  return Object.keys(headers).filter(
    (name) => /-remaining(-|$)/.test(name) && Number(headers[name] || Number.NaN) === 0,
  );
}

function longest(headers: Headers, counts: (name: string) => boolean, now: number): number | undefined {
  const waits = Object.entries(headers)
    .filter(([name]) => counts(name))
    .map(([, value]) => parseWait(value, now))
    .filter((wait) => wait !== undefined);
  if (waits.length === 0) return undefined;
  return Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, ...waits));
}

function parseWait(text: string, now: number): number | undefined {
  if (NUMBERS.test(text)) return Math.max(...text.split(',').map((part) => fromNumber(Number(part), now)));
  const date = parseHttpDate(text);
  return date === undefined ? undefined : date - now;
}

function fromNumber(value: number, now: number): number {
  if (value >= EPOCH_MILLISECONDS) return value - now;
  if (value >= EPOCH_SECONDS) return value * 1000 - now;
  return value * 1000;
}

/** A date in any form of RFC 9110 §5.6.7 as epoch milliseconds; undefined when it is none. */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const date = DateTime.fromHTTP(text);
  return date.isValid ? date.toMillis() : undefined;
}

/** Unavailable, and the vendor said for how long. */
export class BusyError extends UnavailableError {
  /** Milliseconds. */
  readonly wait: number;

  constructor(message: string, url: string, status: number, wait: number) {
    super(message, url, status);
    this.wait = wait;
  }
}

/** Whether it was refused for asking too often. Some vendors say so with 403. */
export function isThrottled({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: Headers;
}): boolean {
  return status === 429 || (status === 403 && saysThrottled(headers));
}
