/** Why a source, a destination or the journal needs attention, as `/readyz` and `admin.allowances` name it. */
export const REASONS = [
  'stale',
  'unauthorised',
  'throttled',
  'misconfigured',
  'schema-changed',
  'overflowing',
  'destination-paused',
  'destination-unreachable',
  'state-unavailable',
  'reload-failed',
] as const;

export type Reason = (typeof REASONS)[number];

/** A reason that holds since then (epoch ms), in words. */
export interface Trouble {
  readonly reason: Reason;
  readonly since: number;
  readonly detail: string;
}

/** Something that holds for a source or a destination. Times are epoch milliseconds. */
export interface Condition {
  readonly since: number;
  /** In words. */
  readonly reason: string;
  /** The next try; undefined when there is none without an operator, or when it is not known. */
  readonly until?: number | undefined;
}

/** The state of a source or a destination. Times are epoch milliseconds. */
export interface State<Name extends string> {
  readonly name: Name;
  readonly since: number | undefined;
  readonly reason: string | undefined;
  /** The next try. */
  readonly until: number | undefined;
}

/** The state with this name that follows from a condition. A next try that is due is at `now` (epoch ms). */
export function stateOf<Name extends string>(
  name: Name,
  { since, reason, until }: Condition,
  now: number,
): State<Name> {
  return { name, since, reason, until: until === undefined ? undefined : Math.max(until, now) };
}

/**
 * The vendor rejected the credential or the request. `until` undefined: it is not tried again by itself. The source's
 * circuit (`collect/`) owns this state and shows it as `refused`; nothing else in the process keeps a copy.
 */
export interface Refusal extends Condition {
  /** 422: the request is wrong, not the credential. */
  readonly misconfigured: boolean;
}

/** Requests wait for the quota, or because the vendor asked for it; ends by itself. */
export interface Throttling extends Condition {
  readonly by: 'budget' | 'vendor';
}

/** What was observed of a source and holds until something else is observed. */
export interface SourceConditions {
  /** 401, 403 or 422. */
  readonly refused?: Refusal | undefined;
  /** The journal has no room for it. */
  readonly waiting?: Condition | undefined;
  readonly throttled?: Throttling | undefined;
  /** The last poll failed. */
  readonly failing?: Condition | undefined;
}

/** What the process that polls a source knows and the journal's other tables do not. */
export interface SourceReport {
  readonly conditions: SourceConditions;
  /** When it began to watch the source, epoch ms. */
  readonly since?: number | undefined;
  /** How long the last complete poll took, where that is longer than the interval. Milliseconds. */
  readonly pollDuration?: number | undefined;
}

/** What the process that delivers to a destination knows and the journal's other tables do not. */
export interface DestinationReport {
  readonly unreachable?: Condition | undefined;
  /** When a paused destination is tried again. Epoch ms. */
  readonly nextTry?: number | undefined;
}
