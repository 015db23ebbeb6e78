/** Something that holds of a source or a destination. Times are epoch milliseconds. */
export interface Condition {
  readonly since: number;
  /** In words. */
  readonly reason: string;
  /** When it is tried again; undefined: not by itself, or it is not known. */
  readonly until?: number | undefined;
}

/** How a source or a destination is: one of the names, since when, why, and until when. Times are epoch milliseconds. */
export interface State<Name extends string> {
  readonly name: Name;
  readonly since: number | undefined;
  readonly reason: string | undefined;
  /** When it is tried again. */
  readonly until: number | undefined;
}

/** The state of that name which a condition stands for. A try that is under way is one of `now` (epoch ms). */
export function stateOf<Name extends string>(
  name: Name,
  { since, reason, until }: Condition,
  now: number,
): State<Name> {
  return { name, since, reason, until: until === undefined ? undefined : Math.max(until, now) };
}

/** Why a source, a destination or the journal is not as it should be. */
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

/** Something that is not as it should be, since then (epoch ms), in words. */
export interface Trouble {
  readonly reason: Reason;
  readonly since: number;
  readonly detail: string;
}
