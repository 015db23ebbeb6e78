import type { Clock } from '../core/clock.ts';
import { showDuration } from '../core/text.ts';
import { UnavailableError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { RawAnswer } from './exchange.ts';
import type { ClockReading, HttpAnswer, KnownClock } from '../core/http.ts';
import { clockReadingOf } from './response.ts';

/** An answer that is put aside is asked for again after this. Milliseconds. */
const PAUSE = 1_000;
/** How often an answer that is put aside is asked for again. */
const REPEATS = 3;
/** By how much the `Date` of an answer must be later than that of the one it confirms. Milliseconds. */
const MOVED_ON = 1_000;

interface Asking extends KnownClock {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Without query. */
  readonly url: string;
}

/** The clock of one vendor, as all streams of one source know it. */
export class VendorClock {
  /** By the last answer, whatever it was. Milliseconds ahead of ours. */
  #heard = 0;
  /** What a stream knew, or two answers agreed upon; from then on, a single answer changes it no further than it may differ. */
  #agreed: number | undefined;

  /** What the vendor's clock is ahead of ours. Milliseconds. */
  get ahead(): number {
    return this.#agreed ?? this.#heard;
  }

  /** Takes note of any answer. */
  hear(raw: RawAnswer): void {
    this.#heard = clockReadingOf(raw)?.ahead ?? this.#heard;
  }

  /** Takes what a stream knew of the clock, unless this process knows better. */
  recall(ahead: number): void {
    this.#agreed ??= ahead;
  }

  /**
   * Asks, and asks again while the answer's clock is not the known one, until it is, or until two answers agree.
   * @throws UnavailableError when no two did, and what `ask` throws.
   */
  async confirmed(ask: (again: boolean) => Promise<HttpAnswer>, asking: Asking): Promise<HttpAnswer> {
    const { clock, signal, log, url, tolerance } = asking;
    if (asking.ahead !== undefined) this.recall(asking.ahead);
    const aside: { readonly date: number; readonly reading: ClockReading }[] = [];
    for (;;) {
      const answer = await ask(aside.length > 0);
      const { date, clock: reading } = answer;
      if (reading === undefined || this.#isKnown(reading, asking)) return answer;
      const agrees = aside.some(
        (before) =>
          differenceOf(before.reading.ahead, reading) <= tolerance && date - before.date >= MOVED_ON,
      );
      if (agrees) {
        log.warn(
          { url: { full: url } },
          `Two answers agree that the vendor's clock is now ${aheadOfOurs(reading.ahead)}: it is followed. One of the clocks was set; keep both synchronised (NTP).`,
        );
        this.#agreed = reading.ahead;
        return answer;
      }
      if (aside.length === REPEATS) throw disagreeing(url, reading, this.#agreed ?? asking.ahead ?? 0);
      aside.push({ date, reading });
      log.info(
        { url: { full: url }, http: { response: { date: new Date(date).toISOString() } } },
        "The answer is put aside and asked for again: its Date is not the vendor's clock as it is known.",
      );
      await clock.sleep(PAUSE, signal);
    }
  }

  /** The first answer of a stream is believed; later ones when they agree with what this stream, or another, knows. */
  #isKnown(reading: ClockReading, { ahead, tolerance }: KnownClock): boolean {
    const known = [ahead, this.#agreed].filter((one) => one !== undefined);
    if (known.length === 0) return true;
    if (!known.some((one) => differenceOf(one, reading) <= tolerance)) return false;
    this.#agreed = reading.ahead;
    return true;
  }
}

/**
 * How far a reading is from what the clock was known to be, ms: 0 while the time that the answer took explains it,
 * since its `Date` may be from any moment of that.
 */
function differenceOf(known: number, { ahead, waited }: ClockReading): number {
  return Math.max(0, known - (ahead + waited), ahead - known);
}

/** What a difference of clocks is in words. Milliseconds. */
export function aheadOfOurs(ahead: number): string {
  return `${showDuration(Math.abs(ahead))} ${ahead < 0 ? 'behind' : 'ahead of'} ours`;
}

function disagreeing(url: string, { ahead }: ClockReading, known: number): UnavailableError {
  const message = `${url} was asked ${REPEATS + 1} times, and the Date of its answers is neither the vendor's clock as it is known (${aheadOfOurs(known)}) nor confirmed by a second answer (the last one: ${aheadOfOurs(ahead)}). Nothing of these answers is used. Does a cache or a proxy on the way answer, or set its own Date?`;
  return new UnavailableError(message, url, 200);
}
