import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Json } from '../../core/json.ts';
import { Query } from './query.ts';
import { transact } from './transaction.ts';

/** What the process that holds the state has seen of sources and destinations; JSON by subject (`source console`). */
export interface SeenJournal {
  /** Notes what changed: a subject without a value is forgotten. All of it, or nothing. */
  noteSeen(changes: ReadonlyMap<string, Json | undefined>): Promise<void>;
  /** What was noted last, also by a process that has ended. */
  seen(): Promise<ReadonlyMap<string, Json>>;
}

interface SeenRow {
  readonly subject: string;
  readonly value: string;
}

/** See `SeenJournal`. */
export class SeenStore {
  readonly #database: DatabaseSync;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #all: Query<SeenRow>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#put = database.prepare(
      `INSERT INTO seen (subject, value) VALUES (:subject, :value)
       ON CONFLICT (subject) DO UPDATE SET value = excluded.value`,
    );
    this.#remove = database.prepare('DELETE FROM seen WHERE subject = :subject');
    this.#all = new Query(database, 'SELECT subject, value FROM seen');
  }

  note(changes: ReadonlyMap<string, Json | undefined>): void {
    transact(this.#database, () => {
      for (const [subject, value] of changes)
        if (value === undefined) this.#remove.run({ subject });
        else this.#put.run({ subject, value: JSON.stringify(value) });
    });
  }

  all(): ReadonlyMap<string, Json> {
    return new Map(this.#all.all().map(({ subject, value }) => [subject, JSON.parse(value) as Json]));
  }
}
