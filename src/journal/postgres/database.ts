import type { PoolClient, QueryResult } from 'pg';
import type { PostgresPlace } from '../../config/types.ts';
import { JournalWriteError } from '../journal.ts';
import type { Subject } from '../leases.ts';
import { Connections } from './connections.ts';
import {
  isAway,
  NoAnswerError,
  RolledBackError,
  sqlState,
  translated,
  UnknownOutcomeError,
} from './problems.ts';

/** Connections for the work. Renewals have one of their own, so that they never wait for a commit. */
const WORK_CONNECTIONS = 4;

/** How long a statement of the work may take. Milliseconds. */
const STATEMENT_TIMEOUT = 30_000;

/** Where the name of the schema stands in the text of a statement. */
const SCHEMA = /\bpenstock(?=\.[a-z])|(?<=\bSCHEMA )penstock\b/g;

/** In the order of `$1`, `$2`, …; undefined is NULL, and a list is an array of PostgreSQL. */
export type Parameters = readonly unknown[];

/** Statements in one transaction. Each is sent at once: those that are awaited together share a round trip. */
export interface Transaction {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  query<Row>(sql: string, parameters?: Parameters): Promise<readonly Row[]>;
  /** Returns how many rows it changed. */
  run(sql: string, parameters?: Parameters): Promise<number>;
  /** As `query`, for the last statement: COMMIT is sent with it, so what it returns can stop nothing. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  last<Row>(sql: string, parameters?: Parameters): Promise<readonly Row[]>;
  /** Sends COMMIT, behind which nothing may be sent. Without it COMMIT waits until the work has all its answers. */
  commit(): Promise<void>;
}

/** Refuses the writes of a process that does not hold their subject. */
export interface Fence {
  /**
   * Runs `work` in a transaction that locks the lease of the subject first.
   * @throws LeaseLostError, StateInUseError when this process may not write
   */
  fenced<T>(subject: Subject, work: (transaction: Transaction) => Promise<T>): Promise<T>;
}

export type OnUse = (outage: JournalWriteError | undefined) => void;

/**
 * The database of a state. In the text of a statement its tables are `penstock.page` and so on, whatever the schema is
 * named. Parameters may hold any text: a NUL, which PostgreSQL does not know, becomes U+FFFD.
 *
 * @throws JournalWriteError, StateError from every method; see `translated`.
 */
export class Database implements AsyncDisposable {
  readonly place: PostgresPlace;
  readonly #fence: Fence;
  readonly #onUse: OnUse;
  readonly #work: Connections;
  readonly #renewal: Connections;
  /** Connections on which a statement had no answer: nobody knows what the server does on them. */
  readonly #unanswered = new WeakSet<PoolClient>();
  /** Statements with the name of the schema in them. */
  readonly #statements = new Map<string, string>();

  /** `onUse` is called after each use, with why the database did not answer; undefined when it did. */
  constructor(place: PostgresPlace, fence: (database: Database) => Fence, onUse: OnUse = () => undefined) {
    this.place = place;
    this.#onUse = onUse;
    this.#work = new Connections(place, { connections: WORK_CONNECTIONS, timeout: STATEMENT_TIMEOUT });
    this.#renewal = new Connections(place, { connections: 1, timeout: place.lease / 3 });
    this.#fence = fence(this);
  }

  /** One statement that reads. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- rows are named as the columns of the statement are
  async query<Row>(sql: string, parameters: Parameters = []): Promise<readonly Row[]> {
    const { rows } = await this.#on(this.#work, (client) => this.#send(client, sql, parameters));
    return rows as Row[];
  }

  /**
   * Runs `work` in one transaction, which is durable when it resolves. It locks rows: what `work` awaits is statements,
   * and as few times as possible. `renewal`: on the connection that nothing else uses.
   */
  async transact<T>(
    work: (transaction: Transaction) => Promise<T>,
    connection: 'work' | 'renewal' = 'work',
  ): Promise<T> {
    const connections = connection === 'work' ? this.#work : this.#renewal;
    return this.#on(connections, (client) => this.#transact(client, work));
  }

  /** As `transact`, if this process holds the subject. */
  async fenced<T>(subject: Subject, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#fence.fenced(subject, work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#work[Symbol.asyncDispose](), this.#renewal[Symbol.asyncDispose]()]);
  }

  async #transact<T>(client: PoolClient, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const transaction = new OpenTransaction(
      (sql, parameters) => this.#send(client, sql, parameters),
      this.place.lease,
    );
    try {
      const result = await work(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      throw await transaction.failed(error, this.place);
    }
  }

  /** Runs `work` on a connection of its own, which is not used again if it broke. */
  async #on<T>(connections: Connections, work: (client: PoolClient) => Promise<T>): Promise<T> {
    try {
      return await connections.turns.run(async () => {
        const client = await this.#connect(connections);
        try {
          const result = await work(client);
          client.release();
          this.#onUse(undefined);
          return result;
        } catch (error) {
          client.release(this.#unanswered.has(client) || error instanceof UnknownOutcomeError);
          throw error;
        }
      });
    } catch (error) {
      const known = translated(error, this.place);
      if (known instanceof JournalWriteError && isAway(error)) this.#onUse(known);
      throw known;
    }
  }

  async #connect(connections: Connections): Promise<PoolClient> {
    try {
      return await answered(connections.take());
    } catch (error) {
      // The others would not get one either: each would wait as long as this one did.
      connections.turns.failWaiting(error);
      throw error;
    }
  }

  async #send(client: PoolClient, sql: string, parameters: Parameters): Promise<QueryResult> {
    try {
      return await answered(client.query({ text: this.#inSchema(sql), values: parameters.map(storable) }));
    } catch (error) {
      if (error instanceof NoAnswerError) this.#unanswered.add(client);
      throw error;
    }
  }

  #inSchema(sql: string): string {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = sql.replaceAll(SCHEMA, quoted(this.place.schema));
    this.#statements.set(sql, statement);
    return statement;
  }
}

type Send = (sql: string, parameters: Parameters) => Promise<QueryResult>;

class OpenTransaction implements Transaction {
  readonly #send: Send;
  readonly #begun: Promise<unknown>;
  #committed: Promise<void> | undefined;
  #isSettled = false;

  /** BEGIN goes with the first statement: nobody waits for its answer alone. */
  constructor(send: Send, lease: number) {
    this.#send = send;
    this.#begun = send(beginning(lease), []);
    this.#begun.catch(() => undefined);
  }

  async query<Row>(sql: string, parameters: Parameters = []): Promise<readonly Row[]> {
    const { rows } = await this.#sendInside(sql, parameters);
    return rows as Row[];
  }

  async run(sql: string, parameters: Parameters = []): Promise<number> {
    const { rowCount } = await this.#sendInside(sql, parameters);
    return rowCount ?? 0;
  }

  async last<Row>(sql: string, parameters: Parameters = []): Promise<readonly Row[]> {
    const [rows] = await Promise.all([this.query<Row>(sql, parameters), this.commit()]);
    return rows;
  }

  async commit(): Promise<void> {
    this.#committed ??= this.#commit();
    await this.#committed;
  }

  /** Ends the transaction after an error, and returns what to throw. */
  async failed(thrown: unknown, place: PostgresPlace): Promise<unknown> {
    // What the server said of BEGIN is the reason of all that it says after it.
    const reason = await this.#begun.then(
      () => thrown,
      (first: unknown) => first,
    );
    if (this.#committed === undefined) {
      // Without an answer the connection is not used again, and the server rolls back by itself.
      await this.#send('ROLLBACK', []).catch(() => undefined);
      return reason;
    }
    await this.#committed.catch(() => undefined);
    return this.#isSettled ? reason : new UnknownOutcomeError(place, reason);
  }

  /** Behind COMMIT, or a BEGIN that was refused, a statement would be a transaction of its own. */
  async #sendInside(sql: string, parameters: Parameters): Promise<QueryResult> {
    if (this.#committed !== undefined) throw new Error(`The transaction has ended before: ${sql}`);
    const [result] = await Promise.all([this.#send(sql, parameters), this.#begun]);
    return result;
  }

  async #commit(): Promise<void> {
    const { command } = await this.#send('COMMIT', []);
    this.#isSettled = true;
    await this.#begun;
    // So the server answers to the COMMIT of a transaction in which a statement failed.
    if (command === 'ROLLBACK') throw new RolledBackError('the transaction was rolled back');
  }
}

/**
 * No transaction waits for its client: one that was paused between two statements would block all others by the rows that
 * it locked. A setting of the role must not weaken what `commit` promises.
 */
function beginning(lease: number): string {
  const timeout = Math.floor(Math.min(10_000, lease * 0.4));
  return `BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL idle_in_transaction_session_timeout = ${timeout};
    SET LOCAL lock_timeout = ${timeout};
    SET LOCAL synchronous_commit = on`;
}

/** The result, or what the server answered; anything else means that there was no answer. */
async function answered<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw sqlState(error) === undefined ? new NoAnswerError('no answer', { cause: error }) : error;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '\u{FFFD}');
  return Array.isArray(value) ? value.map(storable) : value;
}
