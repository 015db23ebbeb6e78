import type { Clock } from '../core/clock.ts';
import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import type { DeliveryState, ResponseReport } from '../core/delivery-state.ts';
import type { Room } from '../journal/journal.ts';
import { LONGEST_PAUSE } from '../http/retry-after.ts';
import type { Condition } from '../core/state.ts';
import { DestinationWatch } from './destination-watch.ts';
import { COMMIT_SECONDS, Histogram } from './histogram.ts';
import { Pulse } from './pulse.ts';
import { SourceWatch } from './source-watch.ts';
import type { Totals } from './totals.ts';

/** The loop that trims the journal, as the pulse knows it. */
export const JOURNAL_LOOP = 'journal';

/** A loop may be later than it said by this much. Milliseconds. */
export const GRACE = 300_000;

/** What this process has seen since it started, reloads included: what the journal does not keep. */
export class Live {
  readonly pulse = new Pulse();
  /** Durations of commits of pages. */
  readonly commits = new Histogram(COMMIT_SECONDS);
  readonly #clock: Clock;
  readonly #sources = new Map<string, SourceWatch>();
  readonly #destinations = new Map<string, DestinationWatch>();
  #overflowing: number | undefined;
  #reloadFailed: Condition | undefined;
  /** When the log summed up last, and what had been done by then. */
  summarised: { readonly at: number; readonly totals: Totals } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  source(name: string): SourceWatch {
    const watch = this.#sources.get(name) ?? new SourceWatch(this.#clock);
    this.#sources.set(name, watch);
    return watch;
  }

  destination(name: string): DestinationWatch {
    const watch = this.#destinations.get(name) ?? new DestinationWatch(this.#clock);
    this.#destinations.set(name, watch);
    return watch;
  }

  /** All that was ever watched. */
  get watched(): {
    readonly sources: readonly SourceWatch[];
    readonly destinations: readonly DestinationWatch[];
  } {
    return { sources: [...this.#sources.values()], destinations: [...this.#destinations.values()] };
  }

  /** A source's loop moves; it rests for `ms`, or (undefined) goes on sweeping. */
  sourceMoves({ name, options }: SourceConfig, ms?: number): void {
    // Within a sweep, nothing may be heard for as long as a request that is queued before ours may be paused.
    const silence = (options.retries + 1) * (LONGEST_PAUSE + options.timeout);
    this.pulse.expect(`source ${name}`, GRACE + (ms ?? silence));
  }

  /** A delivery that waits for something to send, or for a time, may be silent; one that sends may not. */
  deliveryRests({ name, timeout }: DestinationConfig, { kind }: DeliveryState): void {
    if (kind !== 'sending') this.pulse.expect(`destination ${name}`, GRACE + timeout);
  }

  /** Since when the journal has been found without room; `now` while it has some. Epoch ms. */
  roomSince(room: Room, now: number): number {
    this.#overflowing = room === 'free' ? undefined : (this.#overflowing ?? now);
    return this.#overflowing ?? now;
  }

  /** Why the configuration that was read last is not used; undefined when it is. */
  get reloadFailed(): Condition | undefined {
    return this.#reloadFailed;
  }

  /** A configuration was read again; `problem`: why it is not used, undefined when it is. */
  reloaded(problem: string | undefined): void {
    const since = this.#clock.now();
    this.#reloadFailed = problem === undefined ? undefined : { since, reason: problem };
  }

  answered({ name, timeout }: DestinationConfig, report: ResponseReport): void {
    this.destination(name).onResponse(report);
    this.pulse.expect(`destination ${name}`, GRACE + timeout);
  }
}
