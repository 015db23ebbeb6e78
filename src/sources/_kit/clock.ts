import * as z from 'zod';
import type { ClockReading, Http } from '../../core/http.ts';
import type { SourceContext } from '../../core/source.ts';

/** `Date` headers have whole seconds, so a smaller difference between two clocks means nothing. Milliseconds. */
export const PRECISION = 2_000;

/** In a cursor: by how much the vendor's clock was ahead of ours at the last answer, ms; absent before the first. */
export const ahead = z.int().optional();

/** In a cursor: a time. ISO 8601 in the state, for people, and epoch milliseconds in the code. */
export const instant = z.codec(z.iso.datetime(), z.int(), {
  decode: (text) => Date.parse(text),
  encode: (ms) => new Date(ms).toISOString(),
});

/** In a cursor: a half-open span of time. */
export const span = z.object({ from: instant, to: instant });

/**
 * The vendor's clock as one stream knows it, for one poll. Every answer to a request through `http` is compared with it:
 * an answer with a different date is not used until a second answer confirms the date. Keep `ahead` with the cursor.
 */
export class KeptClock {
  /** The source's client; its answers are compared with this clock. */
  readonly http: Http;
  readonly tolerance: number;
  readonly #context: SourceContext<unknown>;
  #ahead: number | undefined;
  #setBack = 0;

  /**
   * `ahead` is what the cursor holds. `slack`: by how much an answer's date may be wrong without losing a record, ms: what
   * a window leaves unread at its end (`settle`) and reads again at its start (`overlap`).
   */
  constructor(
    context: SourceContext<unknown>,
    { ahead, slack }: { ahead: number | undefined; slack: number },
  ) {
    const { http } = context;
    this.#context = context;
    this.#ahead = ahead;
    this.tolerance = slack + PRECISION;
    const request: Http['request'] = async (wanted) => {
      const answer = await http.request({
        ...wanted,
        clock: { ahead: this.#ahead, tolerance: this.tolerance },
      });
      if (answer.clock !== undefined) this.#learn(answer.clock);
      return answer;
    };
    this.http = {
      available: (route) => http.available(route),
      recall: (known) => http.recall(known),
      request,
      get: request,
    };
    if (ahead !== undefined) http.recall(ahead);
  }

  /** By how much the vendor's clock is ahead of ours, ms; undefined before the first answer with a `Date`. */
  get ahead(): number | undefined {
    return this.#ahead;
  }

  /**
   * By how much, at most, the vendor's clock was set back since the last call, ms; 0 when it was not. (Our clock set
   * forward looks the same.) From then on, records may be dated that much before what was already read.
   */
  takeSetBack(): number {
    const setBack = this.#setBack;
    this.#setBack = 0;
    return setBack;
  }

  /** Warns once per process and source while the clocks differ by more than `limit` milliseconds. */
  warnOfDifference(limit: number): void {
    const { memo, log } = this.#context;
    const differs = this.#ahead !== undefined && Math.abs(this.#ahead) > limit;
    if (!differs) memo.delete(DIFFERENCE);
    else if (!memo.has(DIFFERENCE)) {
      memo.set(DIFFERENCE, true);
      log.warn(
        { penstock: { clock_ahead_ms: this.#ahead } },
        'The clocks of the vendor and of this machine differ; windows follow the vendor’s. Synchronise both (NTP), and check whether a proxy in between sets its own Date.',
      );
    }
  }

  #learn(reading: ClockReading): void {
    this.#setBack += setBackBy(this.#ahead, reading);
    this.#ahead = reading.ahead;
  }
}

const DIFFERENCE = 'clock difference';

/** By how much a clock was set back, ms, at most; 0 when it was not, or when the answer's delay explains it. */
export function setBackBy(known: number | undefined, { ahead, waited }: ClockReading): number {
  if (known === undefined || known - (ahead + waited) <= PRECISION) return 0;
  // A `Date` is up to a second older than the clock that it was taken from.
  return known - ahead + 1_000;
}
