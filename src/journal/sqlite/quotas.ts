import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Quotas, RateLimit } from '../../core/http.ts';
import type { Connection } from './connection.ts';

/** Requests are forgotten after this; no vendor's window is longer. Milliseconds. */
const LONGEST_WINDOW = 31 * 24 * 60 * 60 * 1000;

/**
 * Requests spent, a row each, and pauses. A request counts for one window; a granted one is durable before it is sent.
 * Other processes spend from the same rows, so each call reads them again.
 */
export class SqliteQuotas implements Quotas {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #log: Logger | undefined;
  /** The longest window of each quota: sources that share one may use different windows. Milliseconds. */
  readonly #longest = new Map<string, number>();

  constructor(connection: Connection, clock: Clock, log?: Logger) {
    this.#connection = connection;
    this.#clock = clock;
    this.#log = log;
  }

  async spend(quota: string, { requests, per }: RateLimit, now: number): Promise<number> {
    return this.#connection.transact(() => {
      const paused = this.#pausedUntil(quota, now);
      if (paused > 0) return paused;
      this.#connection.run('DELETE FROM quota WHERE quota = :quota AND at <= :until', {
        quota,
        until: now - this.#longestOf(quota, per),
      });
      this.#dropFuture(quota, now + per);
      const spent = this.#spent(quota, per, now);
      if (spent < requests) {
        this.#connection.run('INSERT INTO quota (quota, at) VALUES (:quota, :now)', { quota, now });
        return 0;
      }
      const blocking = this.#connection.first<{ at: number }>(
        'SELECT at FROM quota WHERE quota = :quota AND at > :after ORDER BY at LIMIT 1 OFFSET :skip',
        { quota, after: now - per, skip: spent - requests },
      );
      return (blocking?.at ?? now) + per;
    });
  }

  async available(quota: string, { requests, per }: RateLimit, now: number): Promise<number> {
    if (this.#pausedUntil(quota, now) > 0) return 0;
    return Math.max(0, requests - this.#spent(quota, per, now));
  }

  async pause(quota: string, until: number): Promise<void> {
    // Keeps a longer pause, if that is valid, unless the new one is over: other processes may be told different times.
    this.#connection.run(
      `INSERT INTO pause AS known (quota, until, since) VALUES (:quota, :until, :now)
       ON CONFLICT (quota) DO UPDATE SET until = excluded.until, since = excluded.since
       WHERE excluded.until <= excluded.since OR known.until < excluded.until
         OR known.since - excluded.since > known.until - known.since`,
      { quota, until, now: this.#clock.now() },
    );
  }

  async pausedUntil(quota: string): Promise<number> {
    return this.#pausedUntil(quota, this.#clock.now());
  }

  /** Forgets what no window can reach any more. */
  tidy(now: number): void {
    this.#connection.run('DELETE FROM quota WHERE at < :before', { before: now - LONGEST_WINDOW });
  }

  #pausedUntil(quota: string, now: number): number {
    // A pause that begins later than it lasts was noted by a clock that was set back since.
    const pause = this.#connection.first<{ until: number }>(
      'SELECT until FROM pause WHERE quota = :quota AND until > :now AND since - :now <= until - since',
      { quota, now },
    );
    return pause?.until ?? 0;
  }

  #spent(quota: string, per: number, now: number): number {
    const counted = this.#connection.first<{ spent: number }>(
      'SELECT count(*) AS spent FROM quota WHERE quota = :quota AND at > :after AND at <= :until',
      { quota, after: now - per, until: now + per },
    );
    return counted?.spent ?? 0;
  }

  #longestOf(quota: string, per: number): number {
    const longest = Math.max(per, this.#longest.get(quota) ?? 0);
    this.#longest.set(quota, longest);
    return longest;
  }

  /** Otherwise a clock that was set back would stop the source for as long as it was set back. */
  #dropFuture(quota: string, after: number): void {
    const dropped = this.#connection.run('DELETE FROM quota WHERE quota = :quota AND at > :after', {
      quota,
      after,
    });
    if (dropped === 0) return;
    this.#log?.warn(
      { penstock: { budget: quota, dropped } },
      'Our clock went back: requests noted for later than one window from now no longer count.',
    );
  }
}
