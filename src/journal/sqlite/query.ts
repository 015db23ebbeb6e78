import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

type Parameters = Record<string, SQLInputValue>;

/** A prepared statement that answers with rows; `Row` is named as its columns are. */
export class Query<Row> {
  readonly #statement: StatementSync;

  constructor(database: DatabaseSync, sql: string) {
    this.#statement = database.prepare(sql);
  }

  first(parameters: Parameters = {}): Row | undefined {
    return this.#statement.get(parameters) as Row | undefined;
  }

  /** One at a time, so that whoever stops early has read no more. */
  each(parameters: Parameters = {}): IterableIterator<Row> {
    return this.#statement.iterate(parameters) as unknown as IterableIterator<Row>;
  }

  all(parameters: Parameters = {}): readonly Row[] {
    return this.#statement.all(parameters) as unknown as readonly Row[];
  }
}

/** SQL's NULL as the `undefined` that our types speak of. */
export function orUndefined<T>(value: T | null): T | undefined {
  return value ?? undefined;
}
