import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Quota } from '../../core/source.ts';
import type { Logger } from '../../core/log.ts';
import { Query } from './query.ts';
import { transact } from './transaction.ts';

type Limit = Pick<Quota, 'requests' | 'per'>;

/** Unused budgets are forgotten after this; no vendor's window is longer. Milliseconds. */
const LONGEST_WINDOW = 31 * 24 * 60 * 60 * 1000;

/**
 * Requests spent, a row each, and pauses. A spending counts for one window; a granted one is durable before the
 * request is sent. Other processes spend from the same rows, so each call reads them anew.
 */
export class BudgetStore {
  readonly #database: DatabaseSync;
  readonly #log: Logger | undefined;
  /** The longest window that was asked for, by budget. Milliseconds. */
  readonly #longest = new Map<string, number>();
  readonly #forget: StatementSync;
  readonly #forgetFuture: StatementSync;
  readonly #forgetAll: StatementSync;
  readonly #count: Query<{ spent: number }>;
  readonly #nth: Query<{ at: number }>;
  readonly #spend: StatementSync;
  readonly #pause: StatementSync;
  readonly #paused: Query<{ until: number }>;

  constructor(database: DatabaseSync, log?: Logger) {
    this.#database = database;
    this.#log = log;
    this.#forget = database.prepare('DELETE FROM quota WHERE budget = :budget AND at <= :until');
    this.#forgetFuture = database.prepare('DELETE FROM quota WHERE budget = :budget AND at > :after');
    this.#forgetAll = database.prepare('DELETE FROM quota WHERE at < :before');
    this.#count = new Query(
      database,
      'SELECT count(*) AS spent FROM quota WHERE budget = :budget AND at > :after AND at <= :until',
    );
    this.#nth = new Query(
      database,
      'SELECT at FROM quota WHERE budget = :budget AND at > :after ORDER BY at LIMIT 1 OFFSET :skip',
    );
    this.#spend = database.prepare('INSERT INTO quota (budget, at) VALUES (:budget, :now)');
    this.#pause = database.prepare(
      `INSERT INTO pause (budget, until, since) VALUES (:budget, :until, :now)
       ON CONFLICT (budget) DO UPDATE SET until = excluded.until, since = excluded.since`,
    );
    // A pause that begins later than it lasts was noted by a clock that has gone back since.
    this.#paused = new Query(
      database,
      'SELECT until FROM pause WHERE budget = :budget AND until > :now AND since - :now <= until - since',
    );
  }

  /** 0 when granted, else when to ask again. */
  spend(budget: string, { requests, per }: Limit, now: number): number {
    const paused = this.pausedUntil(budget, now);
    if (paused > 0) return paused;
    return transact(this.#database, () => {
      this.#forget.run({ budget, until: now - this.#longestOf(budget, per) });
      this.#dropFuture(budget, now + per);
      const spent = this.#spent(budget, { requests, per }, now);
      if (spent < requests) {
        this.#spend.run({ budget, now });
        return 0;
      }
      const blocking = this.#nth.first({ budget, after: now - per, skip: spent - requests });
      return (blocking?.at ?? now) + per;
    });
  }

  available(budget: string, limit: Limit, now: number): number {
    if (this.pausedUntil(budget, now) > 0) return 0;
    return Math.max(0, limit.requests - this.#spent(budget, limit, now));
  }

  /** A time that has passed ends the pause. */
  pause(budget: string, until: number, now: number): void {
    this.#pause.run({ budget, until, now });
  }

  pausedUntil(budget: string, now: number): number {
    return this.#paused.first({ budget, now })?.until ?? 0;
  }

  /** Forgets what no window can reach any more. */
  tidy(now: number): void {
    this.#forgetAll.run({ before: now - LONGEST_WINDOW });
  }

  #spent(budget: string, { per }: Limit, now: number): number {
    const window = { budget, after: now - per, until: now + per };
    return this.#count.first(window)?.spent ?? 0;
  }

  /** Sources that share a budget may each have a window of their own. */
  #longestOf(budget: string, per: number): number {
    const longest = Math.max(per, this.#longest.get(budget) ?? 0);
    this.#longest.set(budget, longest);
    return longest;
  }

  /** Else a clock that went back would stop the source for as long as it went back. */
  #dropFuture(budget: string, after: number): void {
    const { changes } = this.#forgetFuture.run({ budget, after });
    if (changes === 0) return;
    this.#log?.warn(
      { penstock: { budget, dropped: Number(changes) } },
      'Our clock went back: requests noted for later than one window from now no longer count.',
    );
  }
}
