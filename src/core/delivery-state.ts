import type { Lane } from './event.ts';

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
