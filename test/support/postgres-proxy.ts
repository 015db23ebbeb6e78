import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Waiters } from '../../src/simulators/server.ts';
import {
  asksForEncryption,
  endsInReady,
  MessageReader,
  type PostgresMessage,
  sqlOf,
} from './postgres-messages.ts';

/** A statement that a client sends: a simple query (which may hold several) or a prepared one. */
export interface Statement {
  readonly sql: string;
  /** Number of its connection since the start of the proxy, from 1. */
  readonly connection: number;
  /** Number among the statements of its connection, from 1. */
  readonly index: number;
}

/**
 * What becomes of a statement. `cut`: the connection ends and the server never sees it. `cut-answer`: the server carries it
 * out, and the connection ends before the client sees the answer. `before`: it waits there for this; `answer`: its answer does.
 */
export type Fate =
  | 'cut'
  | 'cut-answer'
  | { readonly before: Promise<unknown> }
  | { readonly answer: Promise<unknown> };

/** What the server said of a statement that it carried out: `UPDATE 0`, `COMMIT`. */
export interface Completed {
  readonly sql: string;
  readonly connection: number;
  readonly tag: string;
}

/** Stands before a PostgreSQL (or a PgBouncer) and reads the protocol of connections without TLS. */
export class PostgresProxy implements AsyncDisposable {
  /** Asked for each statement; undefined lets it pass. */
  onStatement: ((statement: Statement) => Fate | undefined) | undefined;
  /** Every statement so far. */
  readonly statements: Statement[] = [];
  /** Every statement that the server carried out so far. */
  readonly completed: Completed[] = [];
  /** What each connection sent so far, also what waits behind another statement. */
  readonly #arrived = new Map<number, string[]>();
  readonly #target: URL;
  readonly #connections = new Set<Connection>();
  readonly #waiters = new Waiters();
  readonly #server = createServer((client) => this.#accept(client));
  #count = 0;
  #away = false;

  constructor(target: string) {
    this.#target = new URL(target);
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** The connection string of the target with the address of the proxy. */
  get url(): string {
    const url = new URL(this.#target);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** How many connections are open. */
  get open(): number {
    return this.#connections.size;
  }

  /** Resolves when so many statements that contain these words were sent. */
  async saw(words: string, times = 1): Promise<void> {
    await this.#waiters.until(() => this.statements.filter(({ sql }) => sql.includes(words)).length >= times);
  }

  /** The statement behind another one on its connection, also while that one waits. */
  async following({ connection, index }: Statement): Promise<string> {
    const next = () => this.#arrived.get(connection)?.[index];
    await this.#waiters.until(() => next() !== undefined);
    return next() ?? '';
  }

  /** What the server said of such a statement on a connection, the first time from `since` (an index of `completed`) on. */
  async said(connection: number, words: string, since: number): Promise<string> {
    const found = () =>
      this.completed.slice(since).find((one) => one.connection === connection && one.sql.includes(words));
    await this.#waiters.until(() => found() !== undefined);
    return found()?.tag ?? '';
  }

  /** Ends every connection, and each new one at once, until `back`. */
  away(): void {
    this.#away = true;
    for (const connection of this.#connections) connection.end();
  }

  /** Accepts connections again. */
  back(): void {
    this.#away = false;
  }

  #accept(client: Socket): void {
    if (this.#away) {
      client.destroy();
      return;
    }
    const number = (this.#count += 1);
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const arrived: string[] = [];
    this.#arrived.set(number, arrived);
    const connection = new Connection(client, server, {
      arrived: (sql) => {
        arrived.push(sql);
        this.#waiters.check();
      },
      judge: (sql, index) => {
        const statement = { sql, connection: number, index };
        this.statements.push(statement);
        this.#waiters.check();
        return this.onStatement?.(statement);
      },
      completed: (sql, tag) => {
        this.completed.push({ sql, connection: number, tag });
        this.#waiters.check();
      },
    });
    this.#connections.add(connection);
    client.on('close', () => this.#connections.delete(connection));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.away();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Who is told what passes on a connection. */
interface Watcher {
  arrived(sql: string): void;
  judge(sql: string, index: number): Fate | undefined;
  completed(sql: string, tag: string): void;
}

/** One client and its connection to the server. */
class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #watcher: Watcher;
  /** The statements by the number of the `ReadyForQuery` that ends their answers. */
  readonly #sent = new Map<number, string>();
  /** What becomes of answers, by the number of the `ReadyForQuery` that ends them; the one after signing in is number 0. */
  readonly #answers = new Map<number, 'cut' | Promise<unknown>>();
  #statements = 0;
  #asked = 0;
  #answering = 0;

  constructor(client: Socket, server: Socket, watcher: Watcher) {
    this.#client = client;
    this.#server = server;
    this.#watcher = watcher;
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('close', () => this.end());
    }
    void this.#read(client, new MessageReader('client'), (message) => this.#fromClient(message));
    void this.#read(server, new MessageReader('server'), (message) => this.#fromServer(message));
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  async #read(
    socket: Socket,
    reader: MessageReader,
    pass: (message: PostgresMessage) => Promise<void>,
  ): Promise<void> {
    try {
      let passed: Promise<void> = Promise.resolve();
      for await (const chunk of socket)
        for (const message of reader.read(chunk as Buffer)) {
          const sql = socket === this.#client ? sqlOf(message) : undefined;
          if (sql !== undefined) this.#watcher.arrived(sql);
          passed = passed.then(() => pass(message));
          passed.catch(() => this.end());
        }
      await passed;
    } catch {
      // Either side may go away at any time: the other one sees that its connection ends.
    }
    this.end();
  }

  async #fromClient(message: PostgresMessage): Promise<void> {
    if (asksForEncryption(message)) {
      this.#client.write('N');
      return;
    }
    const sql = sqlOf(message);
    if (sql !== undefined) await this.#decide(sql);
    if (endsInReady(message)) this.#asked += 1;
    if (!this.#server.destroyed) this.#server.write(message.bytes);
  }

  async #decide(sql: string): Promise<void> {
    const fate = this.#watcher.judge(sql, (this.#statements += 1));
    this.#sent.set(this.#asked + 1, sql);
    if (fate === 'cut') this.end();
    else if (fate === 'cut-answer') this.#answers.set(this.#asked + 1, 'cut');
    else if (fate !== undefined && 'before' in fate) await fate.before;
    else if (fate !== undefined) this.#answers.set(this.#asked + 1, fate.answer);
  }

  async #fromServer({ type, bytes }: PostgresMessage): Promise<void> {
    const fate = this.#answers.get(this.#answering);
    const isLast = type === 'Z';
    if (type === 'C') this.#watcher.completed(this.#sent.get(this.#answering) ?? '', tagOf(bytes));
    if (isLast) this.#sent.delete(this.#answering);
    if (isLast) this.#answering += 1;
    if (fate !== 'cut') {
      await fate;
      if (!this.#client.destroyed) this.#client.write(bytes);
    } else if (isLast) this.end();
  }
}

/** The text of a `CommandComplete`, behind its type and length. */
function tagOf(bytes: Buffer): string {
  return bytes.toString('utf8', 5, bytes.length - 1);
}

/** Starts a proxy on a free port of 127.0.0.1. */
export function startProxy(target: string): Promise<PostgresProxy> {
  return new PostgresProxy(target).listen();
}
