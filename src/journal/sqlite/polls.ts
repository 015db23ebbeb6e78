import { type PollRecord, POLLS_KEPT, type PollStore } from '../collection.ts';
import { type Connection, orUndefined } from './connection.ts';
import type { SqliteStreams } from './streams.ts';

interface PollRow extends Omit<PollRecord, 'error'> {
  readonly error: string | null;
}

/** The last polls of each stream, for `status`. */
export class SqlitePolls implements PollStore {
  readonly #connection: Connection;
  readonly #streams: SqliteStreams;

  constructor(connection: Connection, streams: SqliteStreams) {
    this.#connection = connection;
    this.#streams = streams;
  }

  async record(poll: PollRecord): Promise<void> {
    const stream = this.#streams.require(poll.stream);
    this.#connection.transact(() => this.write(stream, poll));
  }

  /** Records a poll as a part of a transaction. */
  write(stream: number, poll: PollRecord): void {
    this.#connection.run(
      `DELETE FROM poll WHERE stream = :stream AND (at = :at OR id <=
         (SELECT id FROM poll WHERE stream = :stream ORDER BY id DESC LIMIT 1 OFFSET :others))`,
      { stream, at: poll.at, others: POLLS_KEPT - 1 },
    );
    this.#connection.run(
      `INSERT INTO poll (stream, source, at, duration_ms, requests, rows, new, changed, outcome, error)
       VALUES (:stream, :source, :at, :durationMs, :requests, :rows, :new, :changed, :outcome, :error)`,
      { ...poll, stream, error: poll.error ?? null },
    );
    this.#streams.noteOutcome(stream, poll);
  }

  async last(stream: string, limit: number): Promise<readonly PollRecord[]> {
    const rows = this.#connection.all<PollRow>(
      `SELECT poll.source, at, duration_ms AS durationMs, requests, rows, new, changed, outcome, error
       FROM poll WHERE stream = :id ORDER BY id DESC LIMIT :limit`,
      { id: this.#streams.find(stream), limit },
    );
    return rows.map((row) => ({ ...row, stream, error: orUndefined(row.error) }));
  }
}
