import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { DeliveryState, ResponseReport } from '../core/delivery-state.ts';
import { LONGEST_PAUSE } from '../http/retry.ts';
import type { Condition } from '../core/state.ts';
import type { Room } from '../journal/journal.ts';
import { DestinationWatch, SourceWatch } from './watches.ts';
import { COMMIT_SECONDS, Histogram } from './counts.ts';

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

/** What a process has done since some moment; all counts of events but `gaps`. */
export interface Totals {
  /** Journaled: new, updated and malformed records. */
  readonly collected: number;
  /** Accepted by destinations: what two of them accept counts twice. */
  readonly delivered: number;
  /** Put to the dead letters. */
  readonly rejected: number;
  /** Recorded. */
  readonly gaps: number;
}

/** What this process has done since it started, reloads included. */
export function totalsOf({ watched }: Live): Totals {
  const { sources, destinations } = watched;
  return {
    collected: sum(sources.map(({ events }) => events.new + events.updated + events.malformed)),
    delivered: sum(destinations.map(({ delivered }) => delivered)),
    rejected: sum(destinations.map(({ deadLetters }) => deadLetters)),
    gaps: sum(sources.map(({ gaps }) => gaps)),
  };
}

/** What was done between two moments. */
export function since(before: Totals, now: Totals): Totals {
  return {
    collected: now.collected - before.collected,
    delivered: now.delivered - before.delivered,
    rejected: now.rejected - before.rejected,
    gaps: now.gaps - before.gaps,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** How often the pulse is taken. Milliseconds. */
const TICK = 10_000;

/**
 * Tells whether loops still move: each says how long it may be silent. The silence is counted in ticks of the clock's
 * own sleep, not read off the time of day, so that a clock that jumps makes nobody restart a healthy process.
 */
export class Pulse {
  #ticks = 0;
  /** The tick by which each loop is to have been heard of again. */
  readonly #latest = new Map<string, number>();

  /** A loop moves, and is to be heard of again within so many milliseconds. */
  expect(loop: string, within: number): void {
    this.#latest.set(loop, this.#ticks + Math.ceil(within / TICK) + 1);
  }

  /** Nothing is expected of any loop: they have ended. */
  rest(): void {
    this.#latest.clear();
  }

  /** The loops that have been silent for longer than they said. */
  get stuck(): readonly string[] {
    return [...this.#latest].filter(([, tick]) => tick < this.#ticks).map(([loop]) => loop);
  }

  /** Counts until the signal aborts. `onTick` lets those be heard of who rest without a time. */
  async run(clock: Clock, signal: AbortSignal, onTick: () => void): Promise<void> {
    while (!signal.aborted) {
      onTick();
      await clock.sleep(TICK, signal).catch(() => undefined);
      this.#ticks += 1;
    }
  }
}
