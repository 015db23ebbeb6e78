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
