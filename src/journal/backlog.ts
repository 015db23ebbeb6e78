import type { BacklogLimit } from '../config/types.ts';
import type { Span } from '../core/source.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { Position } from './journal.ts';

/** `reason` of a destination's gap: its backlog was beyond `backlog.max` while it accepted nothing. */
export const BACKLOG_FULL = 'backlog-full';

/** Events that a destination was not sent and will not be. The span is of their own times. */
export interface MissedEvents extends Span {
  readonly events: number;
  /** How many of each source. */
  readonly sources: Readonly<Record<string, number>>;
}

/** What a destination missed from the first event that was skipped until it accepted events again. */
export interface DestinationGap extends MissedEvents {
  readonly destination: string;
  /** Our clock. */
  readonly opened: number;
  /** Our clock: when it accepted events again; undefined while more may be skipped. */
  readonly ended: number | undefined;
}

/** Events passed over for a destination. */
export interface Skip {
  /** Behind them. */
  readonly position: Position;
  /** Undefined: the destination would have taken none of them. */
  readonly missed: MissedEvents | undefined;
  /** Dead letters among them that were not committed yet. */
  readonly deadLetters: readonly DeadLetter[];
}

/** How one destination that accepts nothing is kept from filling the journal. Each method is one transaction. */
export interface BacklogJournal {
  /**
   * The position behind the oldest pages by which a destination's backlog is beyond its limit, or beyond three quarters of
   * `state.max_bytes`; undefined when it is not. By bytes, the newest page stays. `sources`: those that the destination takes.
   */
  backlogBeyond(
    destination: string,
    limit: BacklogLimit,
    now: number,
    sources?: readonly string[],
  ): Promise<Position | undefined>;
  /**
   * Moves a destination's position forward over events that it is not sent, with the gap that says so. Returns whether that
   * gap is a new one.
   */
  skip(destination: string, skip: Skip, now: number): Promise<boolean>;
  /** The destination accepts events again: what is skipped later is another gap. */
  endGap(destination: string, now: number): Promise<void>;
  /** Oldest first. */
  destinationGaps(): Promise<readonly DestinationGap[]>;
}
