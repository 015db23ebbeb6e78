import type { Clock } from '../core/clock.ts';
import { showDuration } from '../core/text.ts';
import { UnavailableError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RawResponse } from './exchange.ts';
import type { ClockReading, HttpResponse, KnownClock } from '../core/http.ts';
import { clockReadingOf } from './response.ts';

/** The wait before a response with an unexpected `Date` is requested again. Milliseconds. */
const REPEAT_DELAY = 1_000;
/** How often a response with an unexpected `Date` is requested again. */
const MAX_REPEATS = 3;
/** How much later the `Date` of a response must be than that of the one it confirms. Milliseconds. */
const LEAST_PROGRESS = 1_000;

interface ConfirmContext extends KnownClock {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Without query. */
  readonly url: string;
}

/** The clock of one vendor, shared by all streams of one source. */
export class VendorClock {
  /** By the last response, whatever it was. Milliseconds ahead of ours. */
  #latest = 0;
  /** What a stream knew or two responses confirmed. A single response then changes it by no more than the tolerance. */
  #agreed: number | undefined;

  /** How far the vendor's clock is ahead of ours. Milliseconds. */
  get ahead(): number {
    return this.#agreed ?? this.#latest;
  }

  /** Notes the clock of any response. */
  note(raw: RawResponse): void {
    this.#latest = clockReadingOf(raw)?.ahead ?? this.#latest;
  }

  /** Restores what a stream knew of the clock, unless this process has confirmed it since. */
  recall(ahead: number): void {
    this.#agreed ??= ahead;
  }

  /**
   * Requests, and requests again while the clock of the response is not the known one, until it is, or two responses
   * agree on a new one. Otherwise one wrong `Date` could move a window past records that were never read.
   * @throws UnavailableError when no two responses agree, and whatever `request` throws.
   */
  async confirmed(
    request: (again: boolean) => Promise<HttpResponse>,
    context: ConfirmContext,
  ): Promise<HttpResponse> {
    const { clock, signal, log, url, tolerance } = context;
    if (context.ahead !== undefined) this.recall(context.ahead);
    const unconfirmed: { readonly date: number; readonly reading: ClockReading }[] = [];
    for (;;) {
      const response = await request(unconfirmed.length > 0);
      const { date, clock: reading } = response;
      if (reading === undefined || this.#isKnown(reading, context)) return response;
      const agrees = unconfirmed.some(
        (before) =>
          differenceOf(before.reading.ahead, reading) <= tolerance && date - before.date >= LEAST_PROGRESS,
      );
      if (agrees) {
        log.warn(
          { url: { full: url }, penstock: { clock: showClockDifference(reading.ahead) } },
          "Two responses confirm that the vendor's clock has changed; using it. Keep both clocks synchronised (NTP).",
        );
        this.#agreed = reading.ahead;
        return response;
      }
      if (unconfirmed.length === MAX_REPEATS)
        throw unconfirmedClock(url, reading, this.#agreed ?? context.ahead ?? 0);
      unconfirmed.push({ date, reading });
      log.info(
        { url: { full: url }, http: { response: { date: new Date(date).toISOString() } } },
        "The Date of the response does not match the vendor's clock; requesting it again.",
      );
      await clock.sleep(REPEAT_DELAY, signal);
    }
  }

  /** The first response of a stream is trusted; later ones when they match what this stream, or another one, knows. */
  #isKnown(reading: ClockReading, { ahead, tolerance }: KnownClock): boolean {
    const known = [ahead, this.#agreed].filter((one) => one !== undefined);
    if (known.length === 0) return true;
    if (!known.some((one) => differenceOf(one, reading) <= tolerance)) return false;
    this.#agreed = reading.ahead;
    return true;
  }
}

/**
 * How far a reading is from what the clock was known to be, ms: 0 while the duration of the request explains it,
 * because its `Date` may be from any moment of that time.
 */
function differenceOf(known: number, { ahead, waited }: ClockReading): number {
  return Math.max(0, known - (ahead + waited), ahead - known);
}

/** A difference of clocks in milliseconds as text: `2h ahead of ours`. */
export function showClockDifference(ahead: number): string {
  return `${showDuration(Math.abs(ahead))} ${ahead < 0 ? 'behind' : 'ahead of'} ours`;
}

function unconfirmedClock(url: string, { ahead }: ClockReading, known: number): UnavailableError {
  const message = `${url} was requested ${MAX_REPEATS + 1} times, and the Date of its responses neither matches the vendor's known clock (${showClockDifference(known)}) nor is confirmed by a second response (the last one: ${showClockDifference(ahead)}). These responses were discarded. Check whether a cache or a proxy answers, or sets its own Date.`;
  return new UnavailableError(message, url, 200);
}
