import { readFile } from 'node:fs/promises';
import { systemClock } from '../src/core/clock.ts';
import { Secret } from '../src/core/secret.ts';
import type { Replica } from '../src/journal/leases.ts';
import { openJournalReadOnly } from '../src/journal/open.ts';
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../test/support/postgres.ts';
import { cpuSecondsOf } from './measure.ts';

/** A PostgreSQL that syncs every commit, as the tests start it. */
export class Database implements AsyncDisposable {
  readonly #server: PostgresServer;
  /** Of its first process. */
  readonly #pid: number;

  private constructor(server: PostgresServer, pid: number) {
    this.#server = server;
    this.#pid = pid;
  }

  /** @throws where PostgreSQL is not installed */
  static async start(): Promise<Database> {
    if (NO_POSTGRES !== undefined) throw new Error(NO_POSTGRES);
    const server = await startPostgres();
    const [row] = await server.query<{ path: string }>("SELECT current_setting('data_directory') AS path");
    const [pid] = (await readFile(`${row?.path}/postmaster.pid`, 'utf8')).split('\n');
    return new Database(server, Number(pid));
  }

  /** A new place for a state, dropped at its end. */
  schema(name: string, lease: number): Shared {
    return new Shared(this.#server, name, lease);
  }

  /** CPU time of all its processes so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    const children = await readFile(`/proc/${this.#pid}/task/${this.#pid}/children`, 'utf8');
    const pids = children.trim().split(' ').map(Number);
    const first = await cpuSecondsOf(this.#pid);
    // One that ends meanwhile is counted by the first process the next time.
    const others = await Promise.all(pids.map((pid) => cpuSecondsOf(pid).catch(() => ({ own: 0 }))));
    return others.reduce((sum, { own }) => sum + own, first.own + first.ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}

/** A state in a schema of its own that several replicas share. */
export class Shared implements AsyncDisposable {
  readonly #server: PostgresServer;
  readonly #schema: string;
  /** Milliseconds. */
  readonly #lease: number;

  constructor(server: PostgresServer, schema: string, lease: number) {
    this.#server = server;
    this.#schema = schema;
    this.#lease = lease;
  }

  /** The setting `state` of a configuration. */
  get setting(): string {
    return `state: { postgres: { url: "${this.#server.url()}", schema: ${this.#schema} }, lease: ${this.#lease}ms, max_bytes: 16GiB }\n`;
  }

  /** The replicas that live, and what each holds. */
  async replicas(): Promise<readonly Replica[]> {
    const place = {
      kind: 'postgres',
      url: Secret.holdingNone(this.#server.url()),
      schema: this.#schema,
      tls: {},
      lease: this.#lease,
    } as const;
    await using journal = await openJournalReadOnly(
      { place, maxBytes: 0, retain: 0 },
      { clock: systemClock },
    );
    return await journal.replicas();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.query(`DROP SCHEMA IF EXISTS ${this.#schema} CASCADE`);
  }
}
