import type { BacklogLimit } from '../config/types.ts';
import type { EncodedRecords, Lane } from '../core/event.ts';
import type { Span } from '../core/source.ts';

/*
 * What the journal keeps for the delivery loop. Every method is one transaction of its own, durable when it resolves.
 * `sources` limits what is counted to those that a destination receives. Times are epoch milliseconds.
 */

/** The next record to send: page and index within it. {0, 0} is before everything. */
export interface Position {
  readonly sequence: number;
  readonly offset: number;
}

export function isBefore(a: Position, b: Position): boolean {
  return a.sequence < b.sequence || (a.sequence === b.sequence && a.offset < b.offset);
}

/** A committed page that is not delivered everywhere yet, or that is retained. */
export interface JournalPage extends EncodedRecords {
  readonly sequence: number;
  readonly stream: string;
  /** The name that the source has now. */
  readonly source: string;
  readonly lane: Lane;
  /** When it was read, by the vendor's clock. */
  readonly observedAt: number;
  /** When it was committed, by our clock. */
  readonly committedAt: number;
}

export interface PageStore {
  /** The first page at or after the position, undefined when there is none yet. */
  read(position: Position): Promise<JournalPage | undefined>;
  /**
   * Resolves when events were committed in this process after the call, or at the signal's abort (no rejection). With
   * the position that was read last it resolves at once when there is a page by now, so that no commit is missed.
   */
  changed(signal: AbortSignal, position?: Position): Promise<void>;
  /** The number of the newest page, also of one that is trimmed; 0 before the first. */
  newest(): Promise<number>;
}

export interface StoredDestination {
  readonly name: string;
  readonly position: Position;
  readonly lastResponse: string | undefined;
  readonly lastResponseAt: number | undefined;
  /** Why it is paused; undefined when it is not. */
  readonly paused: string | undefined;
  /** Paused since then. */
  readonly since: number | undefined;
  /** When a configuration last named it; 7 days later it no longer holds back trimming. */
  readonly lastNamed: number;
}

/** `reason` of a destination's gap: its backlog was beyond `backlog.max` while it accepted nothing. */
export const BACKLOG_FULL = 'backlog-full';

/** Events that a destination was not sent and will not be. The span is of the events' own times. */
export interface MissedEvents extends Span {
  readonly events: number;
  /** How many of each source. */
  readonly sources: Readonly<Record<string, number>>;
}

/** What a destination missed, from the first event that was skipped until it accepted events again. */
export interface DestinationGap extends MissedEvents {
  readonly destination: string;
  /** Our clock. */
  readonly opened: number;
  /** Our clock: when it accepted events again; undefined while more may be skipped. */
  readonly ended: number | undefined;
}

/** Events skipped for a destination. */
export interface Skip {
  /** Behind them. */
  readonly position: Position;
  /** Undefined: the destination would have received none of them. */
  readonly missed: MissedEvents | undefined;
  /** Dead letters among them that were not committed yet. */
  readonly deadLetters: readonly DeadLetter[];
}

export interface DestinationStore {
  /**
   * Makes destinations known; their positions begin at the oldest page held. All others stop holding back trimming 7 days
   * after they were last named.
   */
  open(names: readonly string[], now: number): Promise<void>;
  all(): Promise<readonly StoredDestination[]>;
  /** Marks a destination paused with the reason, or (undefined) no longer paused. */
  setPaused(destination: string, reason: string | undefined, now: number): Promise<void>;
  /** How many events this destination still lacks. */
  waiting(destination: string, sources?: readonly string[]): Promise<number>;
  /** When the oldest of these events was read; undefined when there is none. */
  oldestWaiting(destination: string, sources?: readonly string[]): Promise<number | undefined>;
  /**
   * The position after the oldest pages by which a destination's backlog exceeds its limit, or three quarters of
   * `state.max_bytes`; undefined when it does not. A limit in bytes always leaves the newest page.
   */
  backlogBeyond(
    destination: string,
    limit: BacklogLimit,
    now: number,
    sources?: readonly string[],
  ): Promise<Position | undefined>;
  /**
   * Moves a destination's position forward over events that it is not sent, and records the gap in the same transaction.
   * A skip to where the position is already adds nothing to the gap: it may be the repeat of one whose answer was lost.
   * Returns whether that gap is a new one.
   */
  skip(destination: string, skip: Skip, now: number): Promise<boolean>;
  /** The destination accepts events again: what is skipped later is another gap. */
  endGap(destination: string, now: number): Promise<void>;
  /** Of all destinations, oldest first. */
  gaps(): Promise<readonly DestinationGap[]>;
}

/** A record that a destination rejected for good, with all that a later attempt needs. */
export interface DeadLetter {
  /** `log.record.uid` of the record. */
  readonly uid: string;
  /** The LogRecord as it was committed, without tag and length: a later attempt sends the same bytes. */
  readonly record: Uint8Array;
  /** The stream's key. */
  readonly stream: string;
  readonly dataset: string;
  readonly lane: Lane;
  /** Of the page that it was committed with, epoch ms. */
  readonly observedAt: number;
  /** HTTP status of the response that rejected it; undefined when it was never sent. */
  readonly status: number | undefined;
  /** The destination's words, or ours. */
  readonly reason: string;
  /** When it was rejected, epoch ms. */
  readonly at: number;
}

/** A dead letter as the journal holds it. */
export interface HeldDeadLetter extends DeadLetter {
  readonly id: number;
  /** The name that the source has now. */
  readonly source: string;
  readonly destination: string;
}

/** How many dead letters a destination has, since when, and the reason of the last one. */
export interface DeadLetterOutline {
  readonly count: number;
  readonly since: number | undefined;
  readonly lastReason: string | undefined;
}

export interface DeadLetterStore {
  /**
   * Of one destination or of all, oldest first: a part of those behind the id `after`, some MiB at most; empty when there are none.
   */
  of(destination?: string, after?: number): Promise<readonly HeldDeadLetter[]>;
  /** Those with this id or `log.record.uid`: a record may be one of several destinations. */
  find(name: string, destination?: string): Promise<readonly HeldDeadLetter[]>;
  /** The ids of one destination's, oldest first. */
  ids(destination: string): Promise<readonly number[]>;
  /** One of them; undefined when it is no dead letter any more. */
  get(id: number): Promise<HeldDeadLetter | undefined>;
  /** About how many bytes all dead letters take. */
  bytes(): Promise<number>;
  count(destination: string): Promise<number>;
  outline(destination: string): Promise<DeadLetterOutline>;
  /** After dead letters were sent again: removes the accepted ones, by id, and stores why others were rejected again. */
  settle(destination: string, accepted: readonly number[], rejected: readonly DeadLetter[]): Promise<void>;
}
