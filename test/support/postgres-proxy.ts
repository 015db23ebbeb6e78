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

/** Stands before a PostgreSQL (or a PgBouncer) and reads the protocol of connections without TLS. */
export class PostgresProxy implements AsyncDisposable {
  /** Asked for each statement; undefined lets it pass. */
  onStatement: ((statement: Statement) => Fate | undefined) | undefined;
  /** Every statement so far. */
  readonly statements: Statement[] = [];
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
    const connection = new Connection(client, server, (sql, index) => {
      const statement = { sql, connection: number, index };
      this.statements.push(statement);
      this.#waiters.check();
      return this.onStatement?.(statement);
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

type Judge = (sql: string, index: number) => Fate | undefined;

/** One client and its connection to the server. */
class Connection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #judge: Judge;
  /** What becomes of answers, by the number of the `ReadyForQuery` that ends them; the one after signing in is number 0. */
  readonly #answers = new Map<number, 'cut' | Promise<unknown>>();
  #statements = 0;
  #asked = 0;
  #answering = 0;

  constructor(client: Socket, server: Socket, judge: Judge) {
    this.#client = client;
    this.#server = server;
    this.#judge = judge;
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
      for await (const chunk of socket)
        for (const message of reader.read(chunk as Buffer)) await pass(message);
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
    const fate = this.#judge(sql, (this.#statements += 1));
    if (fate === 'cut') this.end();
    else if (fate === 'cut-answer') this.#answers.set(this.#asked + 1, 'cut');
    else if (fate !== undefined && 'before' in fate) await fate.before;
    else if (fate !== undefined) this.#answers.set(this.#asked + 1, fate.answer);
  }

  async #fromServer({ type, bytes }: PostgresMessage): Promise<void> {
    const fate = this.#answers.get(this.#answering);
    const isLast = type === 'Z';
    if (isLast) this.#answering += 1;
    if (fate !== 'cut') {
      await fate;
      if (!this.#client.destroyed) this.#client.write(bytes);
    } else if (isLast) this.end();
  }
}

/** Starts a proxy on a free port of 127.0.0.1. */
export function startProxy(target: string): Promise<PostgresProxy> {
  return new PostgresProxy(target).listen();
}
