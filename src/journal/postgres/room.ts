import type { Room } from '../journal.ts';
import { type Candidate, CRITICAL, trimBatch } from '../trimming.ts';
import type { Database } from './database.ts';
import type { PostgresDestinations } from './destinations.ts';

/** Pages removed in one transaction, and their bytes: few, so that no lock is held for long. */
const BATCH = { pages: 1_000, bytes: 64 * 1024 * 1024 } as const;

const SELECT_HELD = `
  SELECT coalesce((SELECT head.bytes - bytes_before FROM penstock.page ORDER BY sequence LIMIT 1), 0)
    + (SELECT coalesce(sum(dead_letter_bytes), 0) FROM penstock.destination) AS bytes
  FROM penstock.head`;
const SELECT_USED = `
  SELECT coalesce(sum(pg_total_relation_size(oid)), 0) AS bytes FROM pg_class
  WHERE relkind = 'r' AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'penstock.page'::regclass)`;
const SELECT_OLDEST = `
  SELECT sequence, count, bytes, committed_at AS "committedAt" FROM penstock.page ORDER BY sequence LIMIT $1`;
/**
 * Another replica may be removing them: it need not be waited for. By their places, which a page keeps: joined with itself,
 * the whole table may be read.
 */
const REMOVE = `
  DELETE FROM penstock.page WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM penstock.page WHERE sequence <= $1 ORDER BY sequence LIMIT ${BATCH.pages} FOR UPDATE SKIP LOCKED))`;

/** How long a measurement holds. Each page asks for room: most need not ask the database. Milliseconds. */
const MEASURED_FOR = 1_000;

/** `state.max_bytes`, and how long delivered pages are kept, milliseconds. */
export interface RoomLimits {
  readonly maxBytes: number;
  readonly retain: number;
}

/** How much the journal holds, and the removal of its oldest pages, in small transactions. */
export class PostgresRoom {
  readonly #database: Database;
  readonly #destinations: PostgresDestinations;
  readonly #limits: RoomLimits;
  /** What could be appended at the last measurement, less what this process has appended since. Bytes. */
  #left = 0;
  /** By the monotonic clock, milliseconds. */
  #measuredAt = -Infinity;

  constructor(database: Database, destinations: PostgresDestinations, limits: RoomLimits) {
    this.#database = database;
    this.#destinations = destinations;
    this.#limits = limits;
  }

  /** Whether a page may be written. Without room, delivered pages go before `retain` is over, the oldest first. */
  async room(now: number): Promise<Room> {
    if (this.#left > 0 && performance.now() - this.#measuredAt < MEASURED_FOR) return 'free';
    let room = await this.#measured();
    for (let more = true; more && room !== 'free';) {
      more = await this.#removeBatch(now, -Infinity);
      room = await this.#measured();
    }
    return room;
  }

  /** Notes that this process has appended so many bytes, or fewer. */
  appended(bytes: number): void {
    this.#left -= bytes;
  }

  /** Removes the pages that every destination has passed and that were kept for `retain`. */
  async trim(now: number): Promise<void> {
    while (await this.#removeBatch(now, this.#limits.retain));
  }

  /** What the tables and their indexes take. */
  async bytes(): Promise<number> {
    return this.#sizeOf(SELECT_USED);
  }

  async #measured(): Promise<Room> {
    const { maxBytes } = this.#limits;
    const held = await this.#sizeOf(SELECT_HELD);
    this.#left = maxBytes - held;
    this.#measuredAt = performance.now();
    if (held >= maxBytes * CRITICAL) return 'critical';
    return held >= maxBytes ? 'full' : 'free';
  }

  /** Whether something was removed, and there may be more. */
  async #removeBatch(now: number, retain: number): Promise<boolean> {
    const slowest = await this.#destinations.slowest(now);
    if (slowest === undefined) return false;
    const oldest = await this.#database.query<Candidate>(SELECT_OLDEST, [BATCH.pages]);
    const limits = { slowest, committedBy: now - retain, bytes: BATCH.bytes };
    const { last, more } = trimBatch(oldest, limits);
    if (last === undefined) return false;
    const removed = await this.#database.transact((transaction) => transaction.run(REMOVE, [last]));
    return more && removed > 0;
  }

  async #sizeOf(sql: string): Promise<number> {
    const [row] = await this.#database.query<{ bytes: number }>(sql);
    return row?.bytes ?? 0;
  }
}
