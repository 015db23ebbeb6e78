import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

type NamedParameters = Readonly<Record<string, SQLInputValue>>;

/** In the order of their `?`. Twice as fast as by name: for statements that run for each record. */
type OrderedParameters = readonly SQLInputValue[];

function isOrdered(parameters: NamedParameters | OrderedParameters): parameters is OrderedParameters {
  return Array.isArray(parameters);
}

/** What is done around the statements of every store, in one place. */
export interface Guard {
  /** Called before everything that writes. Throws when the state's files were removed or replaced. */
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
  first<Row>(sql: string, parameters: NamedParameters = {}): Row | undefined {
    return this.#guarded(() => this.#prepared(sql).get(parameters) as Row | undefined);
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  all<Row>(sql: string, parameters: NamedParameters = {}): readonly Row[] {
    return this.#guarded(() => this.#prepared(sql).all(parameters) as unknown as readonly Row[]);
  }

  /** One row at a time, so that a caller who stops early has read no more. */
  *each<Row>(sql: string, parameters: NamedParameters = {}): Generator<Row> {
    try {
      for (const row of this.#prepared(sql).iterate(parameters)) yield row as Row;
    } catch (error) {
      throw this.#meaningOf(error);
    }
  }

  /** Runs a statement that writes, by itself or as a part of `transact`. Returns how many rows it changed. */
  run(sql: string, parameters: NamedParameters | OrderedParameters = {}): number {
    return this.#guarded(() => {
      if (!this.#database.isTransaction) this.#guard.requirePresent();
      const statement = this.#prepared(sql);
      const { changes } = isOrdered(parameters) ? statement.run(...parameters) : statement.run(parameters);
      return Number(changes);
    });
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

  /** Inside a transaction the error is not translated yet: it rolls the transaction back first. */
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

/** How long a statement waits for the transaction of another process; each takes a few milliseconds. Milliseconds. */
export const BUSY_TIMEOUT = 5_000;

/** The value of a pragma that is a number. */
export function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}

/** How many migrations the database has. */
export function schemaVersion(database: DatabaseSync): number {
  return pragma(database, 'user_version');
}

/** Primary result codes, https://sqlite.org/rescode.html */
const BUSY = 5;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** The primary result code of an error that SQLite raised, undefined for any other error. */
export function resultCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === 'number' ? code & 0xff : undefined;
}

export function isBusy(error: unknown): boolean {
  return resultCode(error) === BUSY;
}

export function isFull(error: unknown): boolean {
  return resultCode(error) === FULL;
}

export function isReadOnly(error: unknown): boolean {
  return resultCode(error) === READONLY;
}

/** SQLite says that this is no database, or that it is damaged. Only an integrity check proves it. */
export function isCorrupt(error: unknown): boolean {
  return [CORRUPT, NOTADB].includes(resultCode(error) ?? 0);
}

/** A full or failing disk, or a lock that lasts: the operation can be tried again. */
export function mayPass(error: unknown): boolean {
  return [BUSY, IOERR, FULL, CANTOPEN].includes(resultCode(error) ?? 0);
}

/** A file could not be created, extended or written. */
export function isWriteFailure(error: unknown): boolean {
  return [READONLY, IOERR, FULL, CANTOPEN].includes(resultCode(error) ?? 0);
}

/** SQLite could not open the file: no space, no rights, or no file. */
export function isNotOpened(error: unknown): boolean {
  return resultCode(error) === CANTOPEN;
}

/** The disk failed, or it is full (some calls of SQLite do not distinguish the two). */
export function isDiskError(error: unknown): boolean {
  return resultCode(error) === IOERR;
}
