import { type PollRecord, POLLS_KEPT, type PollStore } from '../collection.ts';
import { toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';
import { type PostgresStreams, STREAM_ID } from './streams.ts';

interface PollRow extends Omit<PollRecord, 'stream' | 'error'> {
  readonly error: string | null;
}

const REPLACE = `
  DELETE FROM penstock.poll WHERE stream = $1 AND (at = $2 OR id <=
    (SELECT id FROM penstock.poll WHERE stream = $1 ORDER BY id DESC LIMIT 1 OFFSET ${POLLS_KEPT - 1}))`;
const INSERT = `
  INSERT INTO penstock.poll (stream, source, at, duration_ms, requests, rows, new, changed, outcome, error)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;
const SELECT = `
  SELECT source, at, duration_ms AS "durationMs", requests, rows, new, changed, outcome, error
  FROM penstock.poll WHERE stream = ${STREAM_ID} ORDER BY id DESC LIMIT $2`;

/** The last polls of each stream, for `status`. */
export class PostgresPolls implements PollStore {
  readonly #database: Database;
  readonly #streams: PostgresStreams;

  constructor(database: Database, streams: PostgresStreams) {
    this.#database = database;
    this.#streams = streams;
  }

  async record(poll: PollRecord): Promise<void> {
    const stream = await this.#streams.idOf(poll.source, poll.stream);
    await this.#database.fenced({ kind: 'source', name: poll.source }, (transaction) =>
      this.write(transaction, stream, poll),
    );
  }

  /** Records a poll as a part of a transaction. */
  async write(transaction: Transaction, stream: number, poll: PollRecord): Promise<void> {
    const { source, at, durationMs, requests, rows, new: added, changed, outcome, error } = poll;
    const counts = [durationMs, requests, rows, added, changed];
    await Promise.all([
      transaction.run(REPLACE, [stream, at]),
      transaction.run(INSERT, [stream, source, at, ...counts, outcome, error]),
      this.#streams.noteOutcome(transaction, stream, poll),
    ]);
  }

  async last(stream: string, limit: number): Promise<readonly PollRecord[]> {
    const rows = await this.#database.query<PollRow>(SELECT, [toStored(stream), limit]);
    return rows.map((row) => ({ ...row, stream, error: row.error ?? undefined }));
  }
}
