import type { Span } from '../../core/source.ts';
import type { CoverageStore } from '../collection.ts';
import { toStored } from '../stored-text.ts';
import type { Database, Transaction } from './database.ts';
import { STREAM_ID } from './streams.ts';

const SELECT = `
  SELECT from_at AS "from", to_at AS "to" FROM penstock.coverage WHERE stream = ${STREAM_ID} ORDER BY from_at`;
const JOIN = `
  WITH joined AS (
    DELETE FROM penstock.coverage WHERE stream = $1 AND from_at <= $3 AND to_at >= $2 RETURNING from_at, to_at)
  INSERT INTO penstock.coverage (stream, from_at, to_at)
  SELECT $1, least($2, min(from_at)), greatest($3, max(to_at)) FROM joined`;

/** Disjoint half-open spans that never touch. */
export class PostgresCoverage implements CoverageStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async of(stream: string): Promise<readonly Span[]> {
    return this.#database.query<Span>(SELECT, [toStored(stream)]);
  }

  /** Joins the span with all that it overlaps or touches. An empty span covers nothing. */
  async add(transaction: Transaction, stream: number, { from, to }: Span): Promise<void> {
    if (from < to) await transaction.run(JOIN, [stream, from, to]);
  }
}
