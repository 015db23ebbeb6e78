import type { Clock } from '../../core/clock.ts';
import type { Quotas, RateLimit } from '../../core/http.ts';
import type { Logger } from '../../core/log.ts';
import type { Database } from './database.ts';

/** Requests are forgotten after this; no vendor's window is longer. Milliseconds. */
const LONGEST_WINDOW = 31 * 24 * 60 * 60 * 1000;

/** Now in the time of the quotas, epoch ms: see `PostgresQuotas`. `$2`: our own, where it is that. */
const NOW = 'coalesce($2::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)';
const MOMENT = `moment AS MATERIALIZED (SELECT ${NOW} AS now)`;
/** A pause that begins later than it lasts was noted by a clock that was set back since. */
const PAUSED = `
  paused AS (
    SELECT until FROM penstock.pause, moment WHERE quota = $1 AND until > now AND since - now <= until - since)`;
const RECENT = `
  recent AS (SELECT at FROM penstock.quota, moment WHERE quota = $1 AND at > now - $3 AND at <= now + $3)`;

/**
 * Whoever spends holds this row until the end of the transaction, so that the statements after it see what others spent.
 * Sources that share a quota may use different windows ($2), also on different replicas: the longest counts for all.
 */
const LOCK = `
  INSERT INTO penstock.pause AS pause (quota, until, since, longest) VALUES ($1, 0, 0, $2)
  ON CONFLICT (quota) DO UPDATE SET longest = greatest(pause.longest, excluded.longest)`;
/** What no window reaches any more, and what is dated beyond the next window. */
const FORGET = `
  WITH ${MOMENT},
  past AS (
    DELETE FROM penstock.quota USING moment WHERE quota = $1
      AND at <= now - (SELECT longest FROM penstock.pause WHERE quota = $1)),
  future AS (DELETE FROM penstock.quota USING moment WHERE quota = $1 AND at > now + $3 RETURNING at)
  SELECT count(*) AS dropped FROM future`;
const SPEND = `
  WITH ${MOMENT}, ${PAUSED}, ${RECENT},
  granted AS (
    INSERT INTO penstock.quota (quota, at) SELECT $1, now FROM moment
    WHERE NOT EXISTS (SELECT FROM paused) AND (SELECT count(*) FROM recent) < $4 RETURNING at)
  SELECT EXISTS (SELECT FROM granted) AS granted, (SELECT until FROM paused) - now AS pause,
    (SELECT at FROM recent ORDER BY at DESC OFFSET greatest($4 - 1, 0) LIMIT 1) - now AS blocking
  FROM moment`;
const AVAILABLE = `
  WITH ${MOMENT}, ${PAUSED}, ${RECENT}
  SELECT CASE WHEN EXISTS (SELECT FROM paused) THEN 0 ELSE greatest($4 - (SELECT count(*) FROM recent), 0) END AS available`;
/** Keeps a longer pause, if that is valid, unless the new one is over: replicas may be told different times at once. */
const PAUSE = `
  WITH ${MOMENT}
  INSERT INTO penstock.pause AS known (quota, until, since) SELECT $1, now + $3, now FROM moment
  ON CONFLICT (quota) DO UPDATE SET until = excluded.until, since = excluded.since
  WHERE excluded.until <= excluded.since OR known.until < excluded.until
    OR known.since - excluded.since > known.until - known.since`;
const SELECT_PAUSE = `WITH ${MOMENT}, ${PAUSED} SELECT until - now AS pause FROM paused, moment`;

/** Another replica may do the same at this moment. */
const TIDY = `
  WITH ${MOMENT}, old AS (
    SELECT quota.ctid AS row FROM penstock.quota, moment WHERE at < now - $1 FOR UPDATE OF quota SKIP LOCKED)
  DELETE FROM penstock.quota USING old WHERE quota.ctid = old.row`;

interface Verdict {
  readonly granted: boolean;
  /** How much longer the quota is paused; null: it is not. Milliseconds, as the next. */
  readonly pause: number | null;
  /** How long ago the oldest request was spent that must leave the window, as a negative number. */
  readonly blocking: number | null;
}

/**
 * Requests spent, a row each, and pauses: one budget for all replicas. A granted request is durable before it is sent.
 *
 * Clocks of replicas differ, and a window that is measured by several clocks may hold more requests than it should. So the
 * database's clock dates all requests, at the moment when they are granted; the caller's `now` only anchors the answer.
 * `time: 'caller'`: as `now` says, for one process whose time is simulated.
 */
export class PostgresQuotas implements Quotas {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #time: 'database' | 'caller';
  readonly #log: Logger | undefined;

  constructor(database: Database, clock: Clock, time: 'database' | 'caller', log?: Logger) {
    this.#database = database;
    this.#clock = clock;
    this.#time = time;
    this.#log = log;
  }

  async spend(quota: string, { requests, per }: RateLimit, now: number): Promise<number> {
    const at = this.#at(now);
    const { verdict, dropped } = await this.#database.transact(async (transaction) => {
      const [, [forgotten], [verdict]] = await Promise.all([
        transaction.run(LOCK, [quota, per]),
        transaction.query<{ dropped: number }>(FORGET, [quota, at, per]),
        transaction.last<Verdict>(SPEND, [quota, at, per, requests]),
      ]);
      return { verdict, dropped: forgotten?.dropped ?? 0 };
    });
    if (dropped > 0) this.#logDropped(quota, dropped);
    if (verdict === undefined) throw new Error(`Nothing was answered about quota ${quota}.`);
    if (verdict.granted) return 0;
    if (verdict.pause !== null) return now + verdict.pause;
    return now + per + (requests > 0 ? (verdict.blocking ?? 0) : 0);
  }

  async available(quota: string, { requests, per }: RateLimit, now: number): Promise<number> {
    const parameters = [quota, this.#at(now), per, requests];
    const [row] = await this.#database.query<{ available: number }>(AVAILABLE, parameters);
    return row?.available ?? 0;
  }

  async pause(quota: string, until: number): Promise<void> {
    const now = this.#clock.now();
    await this.#database.transact((transaction) =>
      transaction.last(PAUSE, [quota, this.#at(now), until - now]),
    );
  }

  async pausedUntil(quota: string): Promise<number> {
    const now = this.#clock.now();
    const [row] = await this.#database.query<{ pause: number }>(SELECT_PAUSE, [quota, this.#at(now)]);
    return row === undefined ? 0 : now + row.pause;
  }

  /** Forgets what no window can reach any more. */
  async tidy(now: number): Promise<void> {
    await this.#database.transact((transaction) => transaction.last(TIDY, [LONGEST_WINDOW, this.#at(now)]));
  }

  #at(now: number): number | undefined {
    return this.#time === 'caller' ? now : undefined;
  }

  /** Otherwise a clock that was set back would stop the source for as long as it was set back. */
  #logDropped(quota: string, dropped: number): void {
    this.#log?.warn(
      { penstock: { budget: quota, dropped } },
      'The clock of the database went back: requests noted for later than one window from now no longer count.',
    );
  }
}
