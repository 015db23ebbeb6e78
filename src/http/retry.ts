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
  /** Tries after the first. */
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
 * Calls `attempt` with its number, from 1, until it succeeds. No other layer retries, because it would spend requests
 * that this one does not count. Waits between tries with exponential backoff.
 * @throws errors that are not temporary at once · the last error when no retries are left · the signal's reason when
 *   aborted between two tries
 */
export async function withRetries<T>(
  attempt: (number: number) => Promise<T>,
  { retries, retryTimeouts, clock, random, signal, log }: RetrySettings,
): Promise<T> {
  return pRetry(attempt, {
    retries,
    // We wait ourselves, by our own clock.
    minTimeout: 0,
    shouldRetry: ({ error }) => isTemporary(error, retryTimeouts),
    async onFailedAttempt({ error, attemptNumber, retriesLeft }: RetryContext) {
      if (retriesLeft === 0 || !isTemporary(error, retryTimeouts)) return;
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

function isTemporary(error: Error, retryTimeouts: boolean): boolean {
  if (error instanceof TimedOutError) return retryTimeouts;
  return error instanceof UnavailableError || error instanceof UnreadableAnswerError;
}

/** A throttled request waits for its quota, not here. */
function shownWait(error: Error, wait: number, clock: Clock): number {
  return error instanceof ThrottledError ? Math.max(0, error.until - clock.now()) : wait;
}

/** Milliseconds with full jitter, so that streams that failed together do not retry together. */
function backoff(error: Error, attempt: number, random: Random): number {
  if (error instanceof ThrottledError) return 0;
  const jittered = random() * Math.min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1));
  return error instanceof BusyError ? Math.max(error.wait, jittered) : jittered;
}

/** Lower-case header names; repeated headers joined by `, `. */
export type Headers = Readonly<Record<string, string>>;

/** Bounds of every pause that a vendor asks for, so that we neither spin nor stop for good. Milliseconds. */
export const SHORTEST_PAUSE = 1_000;
export const LONGEST_PAUSE = 3_600_000;

/** Larger numbers are points in time: seconds since the epoch (2001 on), then milliseconds (1973 on). */
const EPOCH_SECONDS = 1e9;
const EPOCH_MILLISECONDS = 1e11;

const NUMBERS = /^\d+(\.\d+)?(, *\d+(\.\d+)?)*$/;

/**
 * How long the `retry-after` headers ask us to wait, in milliseconds from 1 s to 1 h; the longest of several; undefined
 * without one. Some vendors add a suffix to the name (`retry-after-public-api` at Petra). Values may be seconds, HTTP
 * dates (RFC 9110 §10.2.3), epoch seconds or epoch milliseconds.
 *
 * @param now the vendor's clock, epoch milliseconds
 */
export function retryAfter(headers: Headers, now: number): number | undefined {
  return longest(headers, (name) => name.startsWith('retry-after'), now);
}

/**
 * As `retryAfter`, or else until the time that the source found (the vendor's clock, epoch ms), or else by
 * `x-ratelimit-reset*` and similar headers. Only for a response that was throttled.
 */
export function throttledFor(headers: Headers, now: number, until?: number): number | undefined {
  const asked = retryAfter(headers, now);
  if (asked !== undefined) return asked;
  if (until !== undefined) return bounded(until - now);
  return longest(headers, (name) => /^(x-)?rate-?limit-reset(-|$)/.test(name), now);
}

/**
 * How long to pause because a `…-remaining` header is 0 and its `…-reset` header says until when. Milliseconds; undefined
 * without such headers.
 */
export function exhaustedFor(headers: Headers, now: number): number | undefined {
  const resets = exhausted(headers).map((name) => name.replace('-remaining', '-reset'));
  return longest(headers, (name) => resets.includes(name), now);
}

/** Whether the headers say that the rate limit was exceeded, whatever the status. */
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
  return bounded(Math.max(...waits));
}

function bounded(wait: number): number {
  return Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, wait));
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

/** A date in any form of RFC 9110 §5.6.7 as epoch milliseconds; undefined for any other text. */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const date = DateTime.fromHTTP(text, { locale: 'en' });
  return date.isValid ? date.toMillis() : undefined;
}

/** The vendor is unavailable and said for how long. */
export class BusyError extends UnavailableError {
  /** Milliseconds. */
  readonly wait: number;

  constructor(message: string, url: string, status: number, wait: number) {
    super(message, url, status);
    this.wait = wait;
  }
}

/** Whether the response was throttled. Some vendors answer 403 instead of 429. */
export function isThrottled({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: Headers;
}): boolean {
  return status === 429 || (status === 403 && saysThrottled(headers));
}
