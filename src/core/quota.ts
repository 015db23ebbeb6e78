import type { Quota } from './source.ts';

/** How many requests may be sent in any sliding window of `per` milliseconds. */
export type RateLimit = Pick<Quota, 'requests' | 'per'>;

/**
 * Where spent requests are kept, so that limits hold across restarts, sources and replicas. Each call is one transaction,
 * durable when it resolves. `quota` names what is spent: origin, credential (its hash) and route. Times are epoch
 * milliseconds.
 */
export interface Quotas {
  /**
   * Spends one request. Resolves to 0 when it may be sent, otherwise to the time to ask again, which is the end of the
   * pause while the quota is paused. Requests dated after `now` (our clock went back) count for one window at most.
   */
  spend(quota: string, limit: RateLimit, now: number): Promise<number>;
  /** How many requests `spend` would grant at `now`; 0 while the quota is paused. */
  available(quota: string, limit: RateLimit, now: number): Promise<number>;
  /** Grants nothing before `until`; a quota without a limit can be paused too. 0 ends the pause. */
  pause(quota: string, until: number): Promise<void>;
  /** The end of the pause; 0 while the quota is not paused. */
  pausedUntil(quota: string): Promise<number>;
}
