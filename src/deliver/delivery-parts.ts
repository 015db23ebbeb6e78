import type { Clock, Random } from '../core/clock.ts';
import type { DestinationConfig } from '../config/types.ts';
import type { EcsEvent } from '../core/event.ts';
import type { Journal } from '../journal/journal.ts';
import type { Condition } from '../core/state.ts';
import type { Logger } from '../core/log.ts';
import type { DeliveryObserver } from '../core/delivery-state.ts';
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
  readonly observer?: DeliveryObserver | undefined;
}
