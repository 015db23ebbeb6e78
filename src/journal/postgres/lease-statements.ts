/*
 * The statements about leases and replicas. A lease without holder is free. `epoch` counts the holds of a lease and is
 * raised by each; `revision` counts what was written under it, and never starts again. Only the database's clock is
 * compared with `expires_at`, and never `now()`, which is the start of the transaction.
 */

/** What is added to the database's clock. $n: milliseconds. */
const after = (parameter: string) => `clock_timestamp() + ${parameter} * interval '1 millisecond'`;

/**
 * Nobody holds it. A lease is never longer than an hour, so one that expires later was written by a clock that was set
 * back since, and would stay for as long if its holder has died.
 */
export const IS_FREE = `(lease.holder IS NULL OR lease.expires_at <= clock_timestamp()
  OR lease.expires_at > clock_timestamp() + interval '1 hour')`;

/**
 * $1 kinds, $2 names. In one order, so that two replicas that do it at once do not wait for each other in a circle. Rows that
 * are there are left out: a conflict with one would wait for the commit that has it locked.
 */
export const MAKE_LEASES = `
  INSERT INTO penstock.lease (kind, name, holder, epoch, revision, expires_at)
  SELECT kind, name, NULL, 0, 0, clock_timestamp()
  FROM unnest($1::text[], $2::text[]) AS wanted (kind, name)
  WHERE NOT EXISTS (SELECT FROM penstock.lease WHERE lease.kind = wanted.kind AND lease.name = wanted.name)
  ORDER BY kind, name
  ON CONFLICT (kind, name) DO NOTHING`;

export interface TakenRow {
  readonly kind: 'source' | 'destination';
  readonly name: string;
  readonly epoch: number;
  readonly revision: number;
}

/** $1 this replica, $2 kinds, $3 names, $4 length. What another replica takes or writes at this moment is not free. */
export const TAKE = `
  WITH free AS (
    SELECT lease.kind, lease.name FROM penstock.lease
    JOIN unnest($2::text[], $3::text[]) AS wanted (kind, name) USING (kind, name)
    WHERE ${IS_FREE}
    FOR UPDATE OF lease SKIP LOCKED
  )
  UPDATE penstock.lease
  SET holder = $1, epoch = lease.epoch + 1, revision = lease.revision + 1, expires_at = ${after('$4::float8')}
  FROM free WHERE lease.kind = free.kind AND lease.name = free.name
  RETURNING lease.kind, lease.name, lease.epoch, lease.revision`;

/** $1 this replica, $2 kinds, $3 names, $4 epochs. What a commit still locks is freed by the next renewal. */
export const RELEASE = `
  WITH given AS (
    SELECT lease.kind, lease.name FROM penstock.lease
    JOIN unnest($2::text[], $3::text[], $4::bigint[]) AS back (kind, name, epoch) USING (kind, name, epoch)
    WHERE lease.holder = $1
    FOR UPDATE OF lease SKIP LOCKED
  )
  UPDATE penstock.lease SET holder = NULL, expires_at = clock_timestamp()
  FROM given WHERE lease.kind = given.kind AND lease.name = given.name`;

/** The first statement of everything that a holder writes. No row: it may not. $1 replica, $2 kind, $3 name, $4 epoch, $5 revision, $6 length. */
export const FENCE = `
  UPDATE penstock.lease SET revision = revision + 1, expires_at = ${after('$6::float8')}
  WHERE kind = $2 AND name = $3 AND holder = $1 AND epoch = $4 AND revision = $5 AND expires_at > clock_timestamp()
  RETURNING revision`;

export interface LeaseRow {
  readonly holder: string | null;
  /** Of the replica that holds it, where it is known. */
  readonly replica: string | null;
  readonly epoch: number;
  readonly revision: number;
  readonly expired: boolean;
}

/** What a lease is now. $1 kind, $2 name. */
export const LOOK = `
  SELECT lease.holder, replica.name AS replica, lease.epoch, lease.revision,
    lease.expires_at <= clock_timestamp() AS expired
  FROM penstock.lease LEFT JOIN penstock.replica ON replica.id = lease.holder
  WHERE lease.kind = $1 AND lease.name = $2`;

/** Rows of replicas that are alive, oldest first, as JSON. */
const ALIVE = `
  SELECT coalesce(json_agg(json_build_array(id, name, command, floor(extract(epoch FROM since) * 1000), shares,
    wants_source, wants_destination) ORDER BY since, id), '[]')
  FROM penstock.replica WHERE expires_at > clock_timestamp()`;

/** id, name, command, since (epoch ms), shares, wants of sources and of destinations. */
export type ReplicaTuple = readonly [string, string, string, number, boolean, number, number];

/** kind, name, holder, epoch, revision, whether it is expired. */
export type LeaseTuple = readonly ['source' | 'destination', string, string | null, number, number, boolean];

/** kind, name, whether it was renewed (else it was freed), revision. */
export type RenewedTuple = readonly ['source' | 'destination', string, boolean, number];

export interface RenewalRow {
  /** JSON of `RenewedTuple[]`: what this statement changed. */
  readonly renewed: string;
  /** JSON of `LeaseTuple[]`, as they were before: what somebody holds, and what this replica asked for. */
  readonly leases: string;
  /** JSON of `ReplicaTuple[]`: the others that are alive. */
  readonly replicas: string;
  /** When this one started, epoch ms. */
  readonly since: number;
  /** The number of the newest page. */
  readonly head: number;
  /** Of the schema. */
  readonly version: number;
}

/**
 * One statement for all that a renewal does. What this replica holds in the database and not by its own account (the
 * answer to `TAKE` was lost, or a commit's outcome was not known) is freed. What a commit locks is left alone.
 * $1 id, $2 name, $3 command, $4 length, $5 shares, $6 and $7 wants, $8 kinds, $9 names, $10 epochs.
 */
export const RENEW = `
  WITH own AS (SELECT * FROM unnest($8::text[], $9::text[], $10::bigint[]) AS own (kind, name, epoch)),
  me AS (
    INSERT INTO penstock.replica AS replica
      (id, name, command, since, expires_at, shares, wants_source, wants_destination)
    VALUES ($1, $2, $3, clock_timestamp(), ${after('$4::float8')}, $5, $6, $7)
    ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, shares = excluded.shares,
      wants_source = excluded.wants_source, wants_destination = excluded.wants_destination
    RETURNING since
  ),
  dead AS (
    DELETE FROM penstock.replica WHERE id IN (
      SELECT id FROM penstock.replica
      WHERE expires_at < clock_timestamp() - interval '1 hour' AND id <> $1 FOR UPDATE SKIP LOCKED)
  ),
  mine AS (
    SELECT lease.kind, lease.name, (own.epoch IS NOT NULL AND lease.expires_at > clock_timestamp()) AS kept
    FROM penstock.lease LEFT JOIN own USING (kind, name, epoch)
    WHERE lease.holder = $1
    FOR UPDATE OF lease SKIP LOCKED
  ),
  renewed AS (
    UPDATE penstock.lease SET holder = CASE WHEN mine.kept THEN lease.holder END,
      expires_at = CASE WHEN mine.kept THEN ${after('$4::float8')} ELSE clock_timestamp() END
    FROM mine WHERE lease.kind = mine.kind AND lease.name = mine.name
    RETURNING lease.kind, lease.name, mine.kept, lease.revision
  )
  SELECT
    (SELECT coalesce(json_agg(json_build_array(kind, name, kept, revision)), '[]') FROM renewed)::text AS renewed,
    (SELECT coalesce(json_agg(json_build_array(kind, name, holder, epoch, revision,
        expires_at <= clock_timestamp())), '[]')
      FROM penstock.lease WHERE holder IS NOT NULL OR (kind, name) IN (SELECT kind, name FROM own))::text AS leases,
    (${ALIVE} AND id <> $1)::text AS replicas,
    (SELECT floor(extract(epoch FROM since) * 1000) FROM me)::float8 AS since,
    (SELECT sequence FROM penstock.head) AS head,
    (SELECT value::integer FROM penstock.meta WHERE name = 'version') AS version`;

/** The replicas that are alive and what they hold, for those who only read. */
export const REPLICAS = `
  SELECT (${ALIVE})::text AS replicas,
    (SELECT coalesce(json_agg(json_build_array(kind, name, holder, epoch, revision, false)), '[]')
      FROM penstock.lease WHERE holder IS NOT NULL AND expires_at > clock_timestamp())::text AS leases`;

/** $1: this replica, which ends. */
export const LEAVE = 'DELETE FROM penstock.replica WHERE id = $1';
