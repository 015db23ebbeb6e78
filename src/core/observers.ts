import type { Lane } from './event.ts';
import type { MappingLosses, Scope } from './source.ts';

/** What a poll has read so far. */
export class PollStats implements MappingLosses {
  rows = 0;
  new = 0;
  updated = 0;
  repeated = 0;
  malformed = 0;
  /** Events that `shape.drop` matched. */
  dropped = 0;
  /** The expressions of `shape.drop` that failed, with the reason; their events were kept. */
  readonly failedRules = new Map<string, string>();
  /** How often one failed. */
  ruleFailures = 0;
  /** Values that events lack. */
  valuesLeftOut = 0;
  /** The fields that have the first element of a list. */
  readonly shortenedFields = new Set<string>();
  gaps = 0;
  /** Requests that still wait for the quota, by the latest page; not summed, because a later page has the newer number. */
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
    this.dropped += other.dropped;
    this.ruleFailures += other.ruleFailures;
    for (const [rule, reason] of other.failedRules) this.failedRules.set(rule, reason);
    this.valuesLeftOut += other.valuesLeftOut;
    for (const field of other.shortenedFields) this.shortenedFields.add(field);
    this.gaps += other.gaps;
    this.schemaChanged ||= other.schemaChanged;
  }

  leftOut(count: number): void {
    this.valuesLeftOut += count;
  }

  shortened(field: string): void {
    this.valuesLeftOut += 1;
    this.shortenedFields.add(field);
  }

  /** Events journaled. */
  get emitted(): number {
    return this.new + this.updated + this.malformed;
  }
}

/**
 * How a poll ended. complete: caught up. owed: the rest waits for the quota, which is no failure. cut: a stop or a
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

/** What a delivery is doing. Times are epoch milliseconds. */
export interface DeliveryState {
  /** idle: nothing to send. retrying: no usable response, the next try is at `until`. paused: it needs an operator. */
  readonly kind: 'idle' | 'sending' | 'retrying' | 'paused';
  /** Since when it is of this kind. */
  readonly since: number;
  /** Why it is retrying or paused. */
  readonly reason: string | undefined;
  /** When it is tried again. */
  readonly until: number | undefined;
}

/**
 * What a response means. accepted: the destination has the records. retry: the same bytes again, later. paused: the
 * destination is set up wrongly. rejected: something in the request is refused.
 */
export type ResponseKind = 'accepted' | 'retry' | 'paused' | 'rejected';

/** One request to a destination and its response, for metrics and progress. */
export interface ResponseReport {
  readonly destination: string;
  readonly kind: ResponseKind;
  /** Undefined when there was no response. */
  readonly status: number | undefined;
  /** Events that the destination accepted. */
  readonly delivered: number;
  /** Events of an accepted request that the destination rejected for good. */
  readonly rejected: number;
  /** Events that became dead letters with this response. */
  readonly deadLetters: number;
  /** From sending the request to the end of the response, milliseconds. */
  readonly duration: number;
  /** When the response ended, epoch ms. */
  readonly at: number;
  /** The events of an accepted request; empty for another response. */
  readonly accepted: readonly AcceptedEvent[];
  /** The bytes of an accepted request before compression, by source. */
  readonly bytes: ReadonlyMap<string, number>;
  /** Whether the request was part of a replay or of a retry of dead letters. */
  readonly redelivered: boolean;
}

interface AcceptedEvent {
  readonly source: string;
  readonly lane: Lane;
  /** The event's own time, epoch ms. */
  readonly at: number;
}

/** What a delivery reports to. */
export interface DeliveryObserver {
  onResponse(report: ResponseReport): void;
  /** So many events became dead letters. */
  onDeadLetters(count: number): void;
  /** So many events were skipped because the backlog was too large. */
  onSkipped(count: number): void;
}
