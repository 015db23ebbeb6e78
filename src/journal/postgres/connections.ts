import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, type PoolClient, type PoolConfig } from 'pg';
import { type PostgresAddress, readPostgresUrl, serverOf } from '../../config/postgres-url.ts';
import type { PostgresPlace } from '../../config/types.ts';
import { connectionOptions } from '../../http/tls-options.ts';
import { Turns } from './turns.ts';

/** How long making a connection may take. Milliseconds. */
const CONNECT_TIMEOUT = 10_000;

/** How long the end of all connections may take. Milliseconds. */
const END_TIMEOUT = 2_000;

export interface PoolSettings {
  readonly connections: number;
  /** How long a statement may take before its connection counts as dead. Milliseconds. */
  readonly timeout: number;
}

/**
 * Connections to the database of a state, made when they are needed. They send a statement without waiting for the answer
 * to the one before (`pipeline`), and set nothing but their name: a PgBouncer refuses the rest.
 */
export class Connections implements AsyncDisposable {
  /** Work waits here for a free connection: however much there is of it at once, that is no outage. */
  readonly turns: Turns;
  readonly #pool: Pool;
  readonly #place: PostgresPlace;
  readonly #isEncrypted: boolean;

  constructor(place: PostgresPlace, { connections, timeout }: PoolSettings) {
    this.#place = place;
    this.turns = new Turns(connections);
    const { host, port, database, user, tls } = addressOf(place);
    this.#isEncrypted = tls;
    const config: PoolConfig = {
      host,
      port,
      database,
      user,
      // Asked for each connection: the file that it came from may have changed.
      password: () => passwordOf(place),
      application_name: 'penstock',
      pipeline: true,
      max: connections,
      connectionTimeoutMillis: CONNECT_TIMEOUT,
      idleTimeoutMillis: 60_000,
      // An idle connection, or one whose server does not let go of it, does not keep the process running.
      allowExitOnIdle: true,
      query_timeout: timeout,
      keepAlive: true,
      types: { getTypeParser: parserOf as NonNullable<PoolConfig['types']>['getTypeParser'] },
    };
    this.#pool = new Pool(config);
    // A dead connection fails its statements, or is replaced if it was idle. An unheard error would end the process.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** A connection for one caller, in its turn. `release` it, with an error if it must not be used again. */
  async take(): Promise<PoolClient> {
    // Read for each connection that may be made, so that a renewed certificate needs no restart.
    if (this.#pool.idleCount === 0)
      this.#pool.options.ssl = this.#isEncrypted && connectionOptions(this.#place.tls);
    return this.#pool.connect();
  }

  /** A server that hangs does not answer the goodbye either: it is not waited for long. */
  async [Symbol.asyncDispose](): Promise<void> {
    const waited = new AbortController();
    const pause = sleep(END_TIMEOUT, undefined, { signal: waited.signal }).catch(() => undefined);
    await Promise.race([this.#pool.end(), pause]);
    waited.abort();
  }
}

/** `host:port/database`, for messages. */
export function serverInWords(place: PostgresPlace): string {
  return serverOf(addressOf(place));
}

/** The role that a place names. */
export function roleOf(place: PostgresPlace): string {
  return addressOf(place).user;
}

function addressOf({ url }: PostgresPlace): PostgresAddress {
  return readPostgresUrl(url.reveal());
}

function passwordOf(place: PostgresPlace): string {
  place.url.refresh();
  return addressOf(place).password ?? '';
}

/** Object ids of PostgreSQL's types, from `pg_type`. */
const BOOL = 16;
const BYTEA = 17;
const NUMBERS = [20, 21, 23, 700, 701, 1700];

/** Numbers as numbers (none is beyond 2^53), bytes as bytes, and everything else as its text. */
function parserOf(type: number): (text: string) => unknown {
  if (NUMBERS.includes(type)) return Number;
  if (type === BOOL) return (text) => text === 't';
  if (type === BYTEA) return (text) => Buffer.from(text.slice(2), 'hex');
  return (text) => text;
}
