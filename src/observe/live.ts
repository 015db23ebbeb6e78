import { Availability } from '../core/availability.ts';
import type { DestinationConfig, SourceConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { DeliveryState, ResponseReport } from '../core/observers.ts';
import { LONGEST_PAUSE } from '../http/retry.ts';
import type { Condition } from '../core/state.ts';
import type { Room } from '../journal/journal.ts';
import type { Subject } from '../journal/leases.ts';
import { DestinationWatch, SourceWatch } from './watches.ts';
import { COMMIT_SECONDS, Histogram } from './counts.ts';

/** The name by which the pulse knows the loop that trims the journal. */
export const JOURNAL_LOOP = 'journal';

/** How much later than announced a loop may report. Milliseconds. */
export const GRACE = 300_000;

/** What this process has observed since it started, across reloads; the journal does not keep it. */
export class Live {
  readonly pulse = new Pulse();
  /** Whether the state can be used. */
  readonly state = new Availability();
  /** Durations of commits of pages. */
  readonly commits = new Histogram(COMMIT_SECONDS);
  readonly #clock: Clock;
  readonly #sources = new Map<string, SourceWatch>();
  readonly #destinations = new Map<string, DestinationWatch>();
  #overflowing: number | undefined;
  #reloadFailed: Condition | undefined;
  /** The time of the last summary in the log, and the totals at that time. */
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

  /** Everything that was watched since the start, whether still configured or not. */
  get watched(): {
    readonly sources: readonly SourceWatch[];
    readonly destinations: readonly DestinationWatch[];
  } {
    return { sources: [...this.#sources.values()], destinations: [...this.#destinations.values()] };
  }

  /** A source's loop is alive: it waits for `ms`, or (undefined) it is polling. */
  sourceAlive({ name, options }: SourceConfig, ms?: number): void {
    // During a poll, the loop may be silent for as long as a request that is queued before its own may be paused.
    const silence = (options.retries + 1) * (LONGEST_PAUSE + options.timeout);
    this.pulse.expect(`source ${name}`, GRACE + (ms ?? silence));
  }

  /** A delivery that is idle or waits may be silent; one that is sending may not. */
  deliveryAlive({ name, timeout }: DestinationConfig, { kind }: DeliveryState): void {
    if (kind !== 'sending') this.pulse.expect(`destination ${name}`, GRACE + timeout);
  }

  /** Another process works on it from now on, so nothing that this one saw of it is true for long. */
  left({ kind, name }: Subject): void {
    this.pulse.forget(`${kind} ${name}`);
    if (kind === 'source') this.#sources.get(name)?.left();
  }

  /** Since when the journal has had no room; `now` while it has room. Epoch ms. */
  roomSince(room: Room, now: number): number {
    this.#overflowing = room === 'free' ? undefined : (this.#overflowing ?? now);
    return this.#overflowing ?? now;
  }

  /** Why the configuration that was read last is not used; undefined when it is. */
  get reloadFailed(): Condition | undefined {
    return this.#reloadFailed;
  }

  /** The configuration was read again. `problem`: why it is not used; undefined when it is. */
  reloaded(problem: string | undefined): void {
    const since = this.#clock.now();
    this.#reloadFailed = problem === undefined ? undefined : { since, reason: problem };
  }

  responded({ name, timeout }: DestinationConfig, report: ResponseReport): void {
    this.destination(name).onResponse(report);
    this.pulse.expect(`destination ${name}`, GRACE + timeout);
  }
}

/** What a process has done since some moment. All are counts of events, except `gaps`. */
export interface Totals {
  /** Journaled: new, updated and malformed records. */
  readonly collected: number;
  /** Accepted by destinations; an event that two of them accept counts twice. */
  readonly delivered: number;
  /** Became dead letters. */
  readonly rejected: number;
  /** Recorded. */
  readonly gaps: number;
  /** Read, and dropped by `shape.drop`. */
  readonly dropped: number;
}

/** What this process has done since it started, across reloads. */
export function totalsOf({ watched }: Live): Totals {
  const { sources, destinations } = watched;
  return {
    collected: sum(sources.map(({ events }) => events.new + events.updated + events.malformed)),
    delivered: sum(destinations.map(({ delivered }) => delivered)),
    rejected: sum(destinations.map(({ deadLetters }) => deadLetters)),
    gaps: sum(sources.map(({ gaps }) => gaps)),
    dropped: sum(sources.map(({ events }) => events.dropped)),
  };
}

/** What was done between two moments. */
export function since(before: Totals, now: Totals): Totals {
  return {
    collected: now.collected - before.collected,
    delivered: now.delivered - before.delivered,
    rejected: now.rejected - before.rejected,
    gaps: now.gaps - before.gaps,
    dropped: now.dropped - before.dropped,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The length of a tick. Milliseconds. */
const TICK = 10_000;

/**
 * Finds loops that hang: each announces how long it may be silent. Silence is counted in ticks of the clock's own sleep,
 * not by the time of day, so that a clock that jumps makes no probe restart a healthy process.
 */
export class Pulse {
  #ticks = 0;
  /** The tick by which each loop must report again. */
  readonly #latest = new Map<string, number>();

  /** A loop is alive, and must report again within so many milliseconds. */
  expect(loop: string, within: number): void {
    this.#latest.set(loop, this.#ticks + Math.ceil(within / TICK) + 1);
  }

  /** A loop has ended. */
  forget(loop: string): void {
    this.#latest.delete(loop);
  }

  /** No loop has to report any more: they have ended. */
  rest(): void {
    this.#latest.clear();
  }

  /** The loops that have been silent for longer than announced. */
  get stuck(): readonly string[] {
    return [...this.#latest].filter(([, tick]) => tick < this.#ticks).map(([loop]) => loop);
  }

  /** Counts ticks until the signal aborts. `onTick` reports for the loops that wait without a time. */
  async run(clock: Clock, signal: AbortSignal, onTick: () => void): Promise<void> {
    while (!signal.aborted) {
      onTick();
      await clock.sleep(TICK, signal).catch(() => undefined);
      this.#ticks += 1;
    }
  }
}
