import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { PollRecord } from '../journal.ts';
import { Query, orUndefined } from './query.ts';
import { fromStored } from './stored-text.ts';

/** Polls kept of each stream. */
const KEPT = 50;

interface PollRow extends Omit<PollRecord, 'error'> {
  readonly error: string | null;
}

/** The last polls of each stream, for status. Streams are row ids here, but for the key in what is returned. */
export class PollStore {
  readonly #add: StatementSync;
  readonly #drop: StatementSync;
  readonly #last: Query<PollRow>;

  constructor(database: DatabaseSync) {
    this.#add = database.prepare(
      `INSERT INTO poll (stream, source, at, duration_ms, requests, rows, new, changed, outcome, error)
       VALUES (:stream, :source, :at, :durationMs, :requests, :rows, :new, :changed, :outcome, :error)`,
    );
    this.#drop = database.prepare(
      `DELETE FROM poll WHERE stream = :stream AND id <=
         (SELECT id FROM poll WHERE stream = :stream ORDER BY id DESC LIMIT 1 OFFSET ${KEPT})`,
    );
    this.#last = new Query(
      database,
      `SELECT stream.key AS stream, poll.source, at, duration_ms AS durationMs, requests, rows, new, changed, outcome, error
       FROM poll JOIN stream ON stream.id = poll.stream
       WHERE poll.stream = :stream ORDER BY poll.id DESC LIMIT :limit`,
    );
  }

  add(stream: number, { error, ...poll }: PollRecord): void {
    this.#add.run({ ...poll, stream, error: error ?? null });
    this.#drop.run({ stream });
  }

  /** Newest first. */
  last(stream: number, limit: number): readonly PollRecord[] {
    const rows = this.#last.all({ stream, limit });
    return rows.map((row) => ({ ...row, stream: fromStored(row.stream), error: orUndefined(row.error) }));
  }
}
