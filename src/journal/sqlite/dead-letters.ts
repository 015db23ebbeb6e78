import type { DeadLetter, DeadLetterOutline, DeadLetterStore, HeldDeadLetter } from '../delivery.ts';
import { type DeadLetterRow, idIn, PART, toHeld } from '../dead-letter-row.ts';
import { toStored } from '../stored-text.ts';
import type { Connection } from './connection.ts';

const SELECT = `
  SELECT dead_letter.id, destination, stream.key AS stream, source, dataset, lane, observed_at AS observedAt, uid, status,
    reason, at, record
  FROM dead_letter JOIN stream ON stream.id = dead_letter.stream`;
// The records are read of those alone that fit.
const SELECT_OF = `${SELECT} WHERE dead_letter.id IN (
    SELECT id FROM (
      SELECT id, sum(octet_length(record)) OVER (ORDER BY id) - octet_length(record) AS before FROM dead_letter
      WHERE (:destination IS NULL OR destination = :destination) AND id > :after ORDER BY id LIMIT ${PART.letters})
    WHERE before < ${PART.bytes})
  ORDER BY dead_letter.id`;
const SELECT_NAMED = `${SELECT} WHERE dead_letter.id IN (
    SELECT id FROM dead_letter WHERE id = :id UNION SELECT id FROM dead_letter WHERE uid = :name)
  AND (:destination IS NULL OR destination = :destination) ORDER BY dead_letter.id`;
const SELECT_ONE = `${SELECT} WHERE dead_letter.id = :id`;

/** Records that a destination rejected for good, with the reason. */
export class SqliteDeadLetters implements DeadLetterStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async of(destination?: string, after = 0): Promise<readonly HeldDeadLetter[]> {
    const parameters = { destination: destination ?? null, after };
    return this.#connection.all<DeadLetterRow>(SELECT_OF, parameters).map(toHeld);
  }

  async find(name: string, destination?: string): Promise<readonly HeldDeadLetter[]> {
    const parameters = { destination: destination ?? null, name, id: idIn(name) };
    return this.#connection.all<DeadLetterRow>(SELECT_NAMED, parameters).map(toHeld);
  }

  async ids(destination: string): Promise<readonly number[]> {
    const sql = 'SELECT id FROM dead_letter WHERE destination = :destination ORDER BY id';
    return this.#connection.all<{ id: number }>(sql, { destination }).map(({ id }) => id);
  }

  async get(id: number): Promise<HeldDeadLetter | undefined> {
    const row = this.#connection.first<DeadLetterRow>(SELECT_ONE, { id });
    return row && toHeld(row);
  }

  async bytes(): Promise<number> {
    const held = this.#connection.first<{ bytes: number }>(
      "SELECT bytes FROM held WHERE what = 'dead letters'",
    );
    return held?.bytes ?? 0;
  }

  async count(destination: string): Promise<number> {
    return this.#count(destination);
  }

  async outline(destination: string): Promise<DeadLetterOutline> {
    const count = this.#count(destination);
    if (count === 0) return { count, since: undefined, lastReason: undefined };
    const first = this.#connection.first<{ at: number }>(
      'SELECT at FROM dead_letter WHERE destination = :destination ORDER BY id LIMIT 1',
      { destination },
    );
    const last = this.#connection.first<{ reason: string }>(
      'SELECT reason FROM dead_letter WHERE destination = :destination ORDER BY id DESC LIMIT 1',
      { destination },
    );
    return { count, since: first?.at, lastReason: last?.reason };
  }

  async settle(
    destination: string,
    accepted: readonly number[],
    rejected: readonly DeadLetter[],
  ): Promise<void> {
    this.#connection.transact(() => {
      for (const id of accepted)
        this.#connection.run('DELETE FROM dead_letter WHERE destination = :destination AND id = :id', {
          destination,
          id,
        });
      for (const letter of rejected) this.put(destination, letter);
    });
  }

  /** Stores a dead letter; of one that is known, only when and why it was rejected last. */
  put(destination: string, { stream, status, ...letter }: DeadLetter): void {
    const { dataset, lane, uid, at, reason, observedAt, record } = letter;
    const changes = this.#connection.run(
      `INSERT INTO dead_letter (destination, stream, dataset, lane, uid, at, status, reason, observed_at, record)
       SELECT :destination, id, :dataset, :lane, :uid, :at, :status, :reason, :observedAt, :record
       FROM stream WHERE key = :stream
       ON CONFLICT (destination, uid) DO UPDATE SET at = excluded.at, status = excluded.status, reason = excluded.reason`,
      {
        destination,
        stream: toStored(stream),
        dataset,
        lane,
        uid,
        at,
        status: status ?? null,
        reason,
        observedAt,
        record,
      },
    );
    if (changes === 0) throw new Error(`Stream ${stream} of a dead letter must be opened first.`);
  }

  #count(destination: string): number {
    const counted = this.#connection.first<{ letters: number }>(
      'SELECT count(*) AS letters FROM dead_letter WHERE destination = :destination',
      { destination },
    );
    return counted?.letters ?? 0;
  }
}
