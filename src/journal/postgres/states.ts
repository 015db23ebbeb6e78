import type { Json } from '../../core/json.ts';
import type { StateStore } from '../collection.ts';
import type { Database } from './database.ts';

const UPSERT = `
  INSERT INTO penstock.state (subject, value)
  SELECT subject, value FROM unnest($1::text[], $2::text[]) AS given (subject, value) WHERE value IS NOT NULL ORDER BY subject
  ON CONFLICT (subject) DO UPDATE SET value = excluded.value`;
const DELETE = `
  DELETE FROM penstock.state USING unnest($1::text[], $2::text[]) AS given (subject, value)
  WHERE state.subject = given.subject AND given.value IS NULL`;

/** What the replicas report of their sources and destinations. */
export class PostgresStates implements StateStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async note(changes: ReadonlyMap<string, Json | undefined>): Promise<void> {
    const values = [...changes.values()].map((value) => (value === undefined ? null : JSON.stringify(value)));
    const parameters = [[...changes.keys()], values];
    await this.#database.transact((transaction) =>
      Promise.all([transaction.run(DELETE, parameters), transaction.last(UPSERT, parameters)]),
    );
  }

  async all(): Promise<ReadonlyMap<string, Json>> {
    const rows = await this.#database.query<{ subject: string; value: string }>(
      'SELECT subject, value FROM penstock.state',
    );
    return new Map(rows.map(({ subject, value }) => [subject, JSON.parse(value) as Json]));
  }
}
