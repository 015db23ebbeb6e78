import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

type Parameters = Record<string, SQLInputValue>;

/** What is done around the statements of every store, in one place. */
export interface Guard {
  /** Called before each transaction that writes. Throws when the state's files were removed or replaced. */
  readonly requirePresent: () => void;
  /** What an error of SQLite means to the rest of Penstock. Other errors come back as they are. */
  readonly translate: (error: unknown) => unknown;
}

/** An open database. Each statement is prepared once; rows are named as their columns are. */
export class Connection {
  readonly #database: DatabaseSync;
  readonly #guard: Guard;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync, guard: Guard) {
    this.#database = database;
    this.#guard = guard;
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  first<Row>(sql: string, parameters: Parameters = {}): Row | undefined {
    return this.#guarded(() => this.#prepared(sql).get(parameters) as Row | undefined);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  all<Row>(sql: string, parameters: Parameters = {}): readonly Row[] {
    return this.#guarded(() => this.#prepared(sql).all(parameters) as unknown as readonly Row[]);
  }

  /** One row at a time, so that a caller who stops early has read no more. */
  *each<Row>(sql: string, parameters: Parameters = {}): Generator<Row> {
    try {
      for (const row of this.#prepared(sql).iterate(parameters)) yield row as Row;
    } catch (error) {
      throw this.#meaningOf(error);
    }
  }

  /** Returns how many rows it changed. */
  run(sql: string, parameters: Parameters = {}): number {
    return this.#guarded(() => Number(this.#prepared(sql).run(parameters).changes));
  }

  exec(sql: string): void {
    this.#guarded(() => this.#database.exec(sql));
  }

  /** See `transact`. */
  transact<T>(work: () => T): T {
    this.#guard.requirePresent();
    return this.#guarded(() => transact(this.#database, work));
  }

  close(): void {
    this.#guarded(() => {
      if (this.#database.isOpen) this.#database.close();
    });
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.#meaningOf(error);
    }
  }

  /** Within a transaction the error comes as it is: it rolls the transaction back first. */
  #meaningOf(error: unknown): unknown {
    const { isOpen } = this.#database;
    return isOpen && this.#database.isTransaction ? error : this.#guard.translate(error);
  }
}

/**
 * Runs `work` in one write transaction, taken at the start so that what it reads cannot change under it. `work` is
 * synchronous: a transaction that spans an await would take in the other loop's statements.
 */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has already rolled back by itself after some errors, a full disk among them.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** SQL's NULL as the `undefined` of our types. */
export function orUndefined<T>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}
