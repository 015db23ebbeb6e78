import type { Json } from '../../core/json.ts';
import type { StateStore } from '../collection.ts';
import { LeaseLostError } from '../journal.ts';
import type { Subject } from '../leases.ts';
import type { Database, Transaction } from './database.ts';

const UPSERT = `
  INSERT INTO penstock.state (subject, value)
  SELECT subject, value FROM unnest($1::text[], $2::text[]) AS given (subject, value) WHERE value IS NOT NULL ORDER BY subject
  ON CONFLICT (subject) DO UPDATE SET value = excluded.value`;
const DELETE = `
  DELETE FROM penstock.state USING unnest($1::text[], $2::text[]) AS given (subject, value)
  WHERE state.subject = given.subject AND given.value IS NULL`;

/** Those of the subjects that a replica holds, until the end of the transaction. $1: it, $2: `source NAME`, … */
const LOCK_HELD = `
  SELECT kind || ' ' || name AS subject FROM penstock.lease
  WHERE holder = $1 AND kind || ' ' || name = ANY($2) AND expires_at > clock_timestamp()
  ORDER BY kind, name FOR SHARE`;

/** What the replicas report of their sources and destinations. */
export class PostgresStates implements StateStore {
  readonly #database: Database;
  readonly #replica: string | undefined;

  /** `replica`: the id of a process that holds what it works on. It reports of nothing else. */
  constructor(database: Database, replica: string | undefined) {
    this.#database = database;
    this.#replica = replica;
  }

  async note(changes: ReadonlyMap<string, Json | undefined>): Promise<void> {
    const values = [...changes.values()].map((value) => (value === undefined ? null : JSON.stringify(value)));
    const parameters = [[...changes.keys()], values];
    await this.#database.transact(async (transaction) => {
      await this.#requireHeld(transaction, [...changes.keys()]);
      await Promise.all([transaction.run(DELETE, parameters), transaction.last(UPSERT, parameters)]);
    });
  }

  /** @throws LeaseLostError one of them is not held: who holds it reports of it */
  async #requireHeld(transaction: Transaction, subjects: readonly string[]): Promise<void> {
    if (this.#replica === undefined) return;
    const rows = await transaction.query<{ subject: string }>(LOCK_HELD, [this.#replica, subjects]);
    const held = new Set(rows.map(({ subject }) => subject));
    const lost = subjects.find((subject) => !held.has(subject));
    if (lost !== undefined) throw new LeaseLostError(subjectOf(lost), 'this process does not hold it');
  }

  async all(): Promise<ReadonlyMap<string, Json>> {
    const rows = await this.#database.query<{ subject: string; value: string }>(
      'SELECT subject, value FROM penstock.state',
    );
    return new Map(rows.map(({ subject, value }) => [subject, JSON.parse(value) as Json]));
  }
}

/** Of `source NAME` or `destination NAME`. */
function subjectOf(words: string): Subject {
  const [kind = '', ...name] = words.split(' ');
  return { kind: kind === 'source' ? 'source' : 'destination', name: name.join(' ') };
}
