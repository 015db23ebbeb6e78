import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Span } from '../../core/source.ts';
import { Query } from './query.ts';
import { hull } from '../../core/span.ts';

/** What of each stream was completely read: disjoint half-open spans that never touch. Streams are row ids here. */
export class CoverageStore {
  readonly #all: Query<Span>;
  readonly #joining: Query<Span>;
  readonly #remove: StatementSync;
  readonly #add: StatementSync;

  constructor(database: DatabaseSync) {
    this.#all = new Query(
      database,
      'SELECT from_at AS "from", to_at AS "to" FROM coverage WHERE stream = :stream ORDER BY from_at',
    );
    this.#joining = new Query(
      database,
      `SELECT from_at AS "from", to_at AS "to" FROM coverage
       WHERE stream = :stream AND from_at <= :to AND to_at >= :from`,
    );
    this.#remove = database.prepare('DELETE FROM coverage WHERE stream = :stream AND from_at = :from');
    this.#add = database.prepare(
      'INSERT INTO coverage (stream, from_at, to_at) VALUES (:stream, :from, :to)',
    );
  }

  of(stream: number): readonly Span[] {
    return this.#all.all({ stream }).map(({ from, to }) => ({ from, to }));
  }

  /** Joins the span with all that it overlaps or touches. An empty span covers nothing. */
  add(stream: number, span: Span): void {
    if (span.from >= span.to) return;
    const joined = this.#joining.all({ stream, from: span.from, to: span.to });
    for (const { from } of joined) this.#remove.run({ stream, from });
    this.#add.run({ stream, ...hull([span, ...joined]) });
  }
}
