import type { DeadLetter, DeadLetterOutline, DeadLetterStore, HeldDeadLetter } from '../delivery.ts';
import { type DeadLetterRow, idIn, PART, toHeld } from '../dead-letter-row.ts';
import { fromStored, toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';

const SELECT = `
  SELECT letter.id, destination, stream.key AS stream, source, dataset, lane, observed_at AS "observedAt", uid, status,
    reason, at, record
  FROM penstock.dead_letter AS letter JOIN penstock.stream ON stream.id = letter.stream`;
// The records are read of those alone that fit.
const SELECT_OF = `${SELECT} WHERE letter.id IN (
    SELECT id FROM (
      SELECT id, sum(octet_length(record)) OVER (ORDER BY id) - octet_length(record) AS before FROM (
        SELECT id, record FROM penstock.dead_letter
        WHERE ($1::text IS NULL OR destination = $1) AND id > $2 ORDER BY id LIMIT ${PART.letters}) AS next) AS measured
    WHERE before < ${PART.bytes})
  ORDER BY letter.id`;
const SELECT_NAMED = `${SELECT} WHERE letter.id IN (
    SELECT id FROM penstock.dead_letter WHERE id = $2 UNION SELECT id FROM penstock.dead_letter WHERE uid = $3)
  AND ($1::text IS NULL OR destination = $1) ORDER BY letter.id`;
const SELECT_ONE = `${SELECT} WHERE letter.id = $1`;
const SELECT_OUTLINE = `
  SELECT dead_letters AS count,
    (SELECT at FROM penstock.dead_letter WHERE destination = $1 ORDER BY id LIMIT 1) AS since,
    (SELECT reason FROM penstock.dead_letter WHERE destination = $1 ORDER BY id DESC LIMIT 1) AS "lastReason"
  FROM penstock.destination WHERE name = $1`;

const BYTES = 'octet_length(letter.record) + octet_length(letter.reason)';
/** The destination knows how many it has and what they take, so that they need not be counted. $1 is its name. */
const COUNT = (change: string) => `
  UPDATE penstock.destination SET dead_letters = dead_letters + letters, dead_letter_bytes = dead_letter_bytes + bytes
  FROM (${change}) AS change WHERE name = $1`;
const SELECT_UNKNOWN = `
  SELECT given FROM unnest($1::text[]) AS given WHERE NOT EXISTS (SELECT FROM penstock.stream WHERE key = given)`;
/** A stream that was never opened has no id, and then the statement fails. */
const PUT = `
  WITH given AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::integer[], $8::text[], $9::bigint[],
      $10::bytea[]) AS letter (uid, stream, dataset, lane, at, status, reason, observed_at, record)),
  known AS (
    SELECT count(*) AS letters, coalesce(sum(${BYTES}), 0) AS bytes FROM given CROSS JOIN LATERAL (
      SELECT record, reason FROM penstock.dead_letter WHERE destination = $1 AND uid = given.uid LIMIT 1) AS letter),
  written AS (
    INSERT INTO penstock.dead_letter AS letter (destination, stream, dataset, lane, uid, at, status, reason, observed_at, record)
    SELECT $1, (SELECT id FROM penstock.stream WHERE key = given.stream), dataset, lane, uid, at, status, reason,
      observed_at, record FROM given
    ON CONFLICT (destination, uid) DO UPDATE SET at = excluded.at, status = excluded.status, reason = excluded.reason
    RETURNING ${BYTES} AS bytes)
  ${COUNT(`
    SELECT count(*) - min(known.letters) AS letters, sum(written.bytes) - min(known.bytes) AS bytes FROM written, known`)}`;
const REMOVE = `
  WITH gone AS (
    DELETE FROM penstock.dead_letter AS letter WHERE destination = $1 AND id = ANY($2) RETURNING ${BYTES} AS bytes)
  ${COUNT('SELECT -count(*) AS letters, -coalesce(sum(bytes), 0) AS bytes FROM gone')}`;

/** Records that a destination rejected for good, with the reason. */
export class PostgresDeadLetters implements DeadLetterStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async of(destination?: string, after = 0): Promise<readonly HeldDeadLetter[]> {
    return (await this.#database.query<DeadLetterRow>(SELECT_OF, [destination, after])).map(held);
  }

  async find(name: string, destination?: string): Promise<readonly HeldDeadLetter[]> {
    const rows = await this.#database.query<DeadLetterRow>(SELECT_NAMED, [destination, idIn(name), name]);
    return rows.map(held);
  }

  async ids(destination: string): Promise<readonly number[]> {
    const sql = 'SELECT id FROM penstock.dead_letter WHERE destination = $1 ORDER BY id';
    const rows = await this.#database.query<{ id: number }>(sql, [destination]);
    return rows.map(({ id }) => id);
  }

  async get(id: number): Promise<HeldDeadLetter | undefined> {
    const [row] = await this.#database.query<DeadLetterRow>(SELECT_ONE, [id]);
    return row && held(row);
  }

  async bytes(): Promise<number> {
    const [held] = await this.#database.query<{ bytes: number }>(
      'SELECT coalesce(sum(dead_letter_bytes), 0) AS bytes FROM penstock.destination',
    );
    return held?.bytes ?? 0;
  }

  async count(destination: string): Promise<number> {
    return (await this.outline(destination)).count;
  }

  async outline(destination: string): Promise<DeadLetterOutline> {
    const [row] = await this.#database.query<{
      count: number;
      since: number | null;
      lastReason: string | null;
    }>(SELECT_OUTLINE, [destination]);
    return {
      count: row?.count ?? 0,
      since: row?.since ?? undefined,
      lastReason: row?.lastReason ?? undefined,
    };
  }

  async settle(
    destination: string,
    accepted: readonly number[],
    rejected: readonly DeadLetter[],
  ): Promise<void> {
    await this.#database.fenced({ kind: 'destination', name: destination }, async (transaction) => {
      await Promise.all([
        transaction.run(REMOVE, [destination, accepted]),
        this.put(transaction, destination, rejected),
      ]);
    });
  }

  /** Stores dead letters; of one that is known, only when and why it was rejected last. */
  async put(transaction: Transaction, destination: string, letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    const each = [...new Map(letters.map((letter) => [letter.uid, letter])).values()];
    const column = <Key extends keyof DeadLetter>(key: Key) => each.map((letter) => letter[key]);
    const streams = each.map(({ stream }) => toStored(stream));
    const place = [column('uid'), streams, column('dataset'), column('lane')];
    const rejection = [
      column('at'),
      column('status'),
      column('reason'),
      column('observedAt'),
      column('record'),
    ];
    const opened = requireOpened(transaction, streams);
    const written = transaction.run(PUT, [destination, ...place, ...rejection]);
    await Promise.allSettled([opened, written]);
    // Which stream it was says the first one alone.
    await opened;
    await written;
  }
}

/** @throws Error when one of them was never opened: a bug of the caller */
async function requireOpened(transaction: Transaction, streams: readonly string[]): Promise<void> {
  const [unknown] = await transaction.query<{ given: string }>(SELECT_UNKNOWN, [streams]);
  if (unknown !== undefined)
    throw new Error(`Stream ${fromStored(unknown.given)} of a dead letter must be opened first.`);
}

/** With a plain `Uint8Array`, as SQLite gives it, instead of the driver's `Buffer`. */
function held(row: DeadLetterRow): HeldDeadLetter {
  const { buffer, byteOffset, byteLength } = row.record;
  return toHeld({ ...row, record: new Uint8Array(buffer, byteOffset, byteLength) });
}
