import type { Clock } from '../core/clock.ts';
import type { SimulatedAnswer } from './server.ts';

const MINUTE = 60_000;

/** The most requests in any sliding minute (half-open), from their times in epoch ms, in order. */
export function mostInAMinute(times: readonly number[]): number {
  let oldest = 0;
  return times.reduce((most, time, index) => {
    while ((times[oldest] ?? time) <= time - MINUTE) oldest += 1;
    return Math.max(most, index - oldest + 1);
  }, 0);
}

/** A limit of so many requests in any sliding minute; what it refuses does not count. */
export class PetraThrottle {
  readonly #clock: Clock;
  readonly #limit: number;
  #granted: number[] = [];

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Undefined when the request is granted, else the 429, with the header name that Petra's throttler has. */
  refuse(): SimulatedAnswer | undefined {
    const now = this.#clock.now();
    this.#granted = this.#granted.filter((time) => time > now - MINUTE);
    const oldest = this.#granted[0];
    if (oldest === undefined || this.#granted.length < this.#limit) {
      this.#granted.push(now);
      return undefined;
    }
    const seconds = Math.ceil((oldest + MINUTE - now) / 1000);
    return {
      status: 429,
      headers: { 'Retry-After-public-api': String(seconds) },
      body: { error: { code: 'RATE_LIMIT_EXCEEDED', message: 'Rate limit exceeded for this route' } },
    };
  }
}
