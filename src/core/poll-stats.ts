import type { Scope } from './source.ts';

/** What a poll has read so far. */
export class PollStats {
  rows = 0;
  new = 0;
  updated = 0;
  repeated = 0;
  malformed = 0;
  gaps = 0;
  /** Requests that still wait for the budget, by the latest page; not summed, because a later page knows better. */
  deferred = 0;
  /** More than half of the rows of some page did not fit their schema: the vendor changed its answer. */
  schemaChanged = false;

  /** Adds everything but `deferred`. */
  add(other: PollStats): void {
    this.rows += other.rows;
    this.new += other.new;
    this.updated += other.updated;
    this.repeated += other.repeated;
    this.malformed += other.malformed;
    this.gaps += other.gaps;
    this.schemaChanged ||= other.schemaChanged;
  }

  /** Events journaled. */
  get emitted(): number {
    return this.new + this.updated + this.malformed;
  }
}

/**
 * How a poll ended. complete: caught up. owed: the rest waits for the budget, which is no failure. cut: a stop or a
 * deadline came first. failed: the vendor, the configuration or the journal ended it.
 */
export type PollOutcome = 'complete' | 'owed' | 'cut' | 'failed';

/** How a poll of one stream ended. Its cursor is where its last durable page left it, whatever the outcome. */
export interface PollResult {
  readonly scope: Scope;
  readonly outcome: PollOutcome;
  readonly stats: PollStats;
  /** Why it did not complete. */
  readonly error?: unknown;
  /** Why the poll before this one failed; undefined when it did not. */
  readonly failedBefore?: string | undefined;
}

/** How a poll of all streams of a source ended. */
export interface SourcePollResult {
  readonly source: string;
  /** The worst of its streams: failed, cut, owed, complete. */
  readonly outcome: PollOutcome;
  readonly stats: PollStats;
  /** One error for each stream that failed, and one when the streams could not be discovered. */
  readonly errors: readonly unknown[];
}

/** What the collect loop of one source reports, for metrics, progress and health. Nothing it does may throw. */
export interface CollectObserver {
  /** A page is durable, with what it added. */
  page(added: PollStats): void;
  /** The commit of a page took so many milliseconds. */
  commit(duration: number): void;
  /** A poll of one stream ended. */
  streamPoll(result: PollResult): void;
  /** A poll of all streams ended after so many milliseconds. */
  sourcePoll(result: SourcePollResult, duration: number): void;
  /** The loop is alive: it waits for so many milliseconds, or (undefined) a poll begins. */
  alive(wait?: number): void;
}
