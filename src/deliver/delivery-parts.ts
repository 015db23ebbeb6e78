import type { Clock, Random } from '../core/clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import type { EcsEvent } from '../core/event.ts';
import type { Journal } from '../journal/journal.ts';
import type { Condition } from '../core/state.ts';
import type { Logger } from '../core/log.ts';
import type { Answer } from './answer.ts';
import type { Item } from './batch.ts';
import type { Sender } from '../otlp/sender.ts';

/** What of the journal a delivery needs. */
export type DeliveryJournal = Pick<
  Journal,
  | 'destinations'
  | 'read'
  | 'advance'
  | 'setPaused'
  | 'changed'
  | 'room'
  | 'stats'
  | 'deadLetterBytes'
  | 'backlogBeyond'
  | 'skip'
  | 'endGap'
>;

/** What a delivery is lent. */
export interface DeliveryParts {
  readonly destination: DestinationConfig;
  readonly journal: DeliveryJournal;
  readonly sender: Sender;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** How long the journal is tried again that cannot be written, milliseconds. Default: as long as it takes. */
  readonly persistFor?: number | undefined;
  /** `data_stream.namespace` that a source or tenant sets; undefined: the destination's, else `default`. */
  readonly namespaceOf?: ((source: string, event: EcsEvent) => string | undefined) | undefined;
  /** Why the process before had no answer, and since when. */
  readonly unreachable?: Condition | undefined;
  readonly onAnswer?: ((told: Told) => void) | undefined;
  /** Told how many events were laid aside, with an answer or for their age. */
  readonly onDeadLetters?: ((count: number) => void) | undefined;
  /** Told how many events were skipped because too much waited. */
  readonly onSkipped?: ((count: number) => void) | undefined;
}

/** What one answer came to; for metrics. */
export interface Told {
  readonly destination: string;
  readonly answer: Answer['kind'];
  readonly status: number | undefined;
  /** Events taken by the destination. */
  readonly delivered: number;
  /** Events of a request that it took, which it refused for good. */
  readonly rejected: number;
  /** From sending the request to the end of its answer, milliseconds; and when that was, epoch ms. */
  readonly duration: number;
  readonly at: number;
  /** What was in a request that was accepted, and its bytes by source; empty for another answer. */
  readonly accepted: readonly Item[];
  readonly bytes: ReadonlyMap<string, number>;
  /** Sent for a replay or a retry of dead letters. */
  readonly again: boolean;
  /** Events laid aside with it. */
  readonly deadLetters: number;
}
