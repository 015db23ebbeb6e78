import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import { onFreePort, programPath, runAsServer, serverDirectory, ServerProcess } from './server-process.ts';

const POSTGRES = programPath('postgres');
const INITDB = programPath('initdb');

/** Why no PostgreSQL can be started here; undefined where one can. For `describe.skipIf`. */
export const NO_POSTGRES = missing({ postgres: POSTGRES, initdb: INITDB }, 'postgresql');

/** Says what is missing, once, where tests are skipped for it; in CI nothing may be missing. */
export function missing(
  programs: Readonly<Record<string, string | undefined>>,
  debian: string,
): string | undefined {
  const names = Object.keys(programs).filter((name) => programs[name] === undefined);
  if (names.length === 0) return undefined;
  const reason = `${names.join(' and ')} not found in PATH or /usr/lib/postgresql: apt-get install ${debian}`;
  if (process.env['CI'] === 'true') throw new Error(reason);
  process.stderr.write(`tests are skipped: ${reason}\n`);
  return reason;
}

/** Who connects, and to what. Default: the superuser `postgres` to the database `postgres`. */
export interface Role {
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
}

type Settings = Readonly<Record<string, string>>;

export interface PostgresOptions {
  /** How roles sign in over TCP. The superuser's password is `postgres` then. Default `trust`. */
  readonly auth?: 'trust' | 'scram-sha-256';
  /** More settings, as in `postgresql.conf`. */
  readonly settings?: Settings;
}

/** A cluster without data, made once for this process and copied for each server. */
let template: Promise<string> | undefined;

async function makeTemplate(): Promise<string> {
  const path = join(await serverDirectory(), 'data');
  const locale = ['--locale=C', '--encoding=UTF8'];
  await runAsServer(INITDB ?? '', ['-D', path, '-U', 'postgres', '-A', 'trust', '--no-sync', ...locale]);
  return path;
}

/** A real PostgreSQL of its own on a free port of 127.0.0.1. */
export class PostgresServer implements AsyncDisposable {
  readonly port: number;
  readonly #data: string;
  readonly #settings: Settings;
  #process: ServerProcess;
  #paused = false;

  private constructor(port: number, data: string, settings: Settings, process: ServerProcess) {
    this.port = port;
    this.#data = data;
    this.#settings = settings;
    this.#process = process;
  }

  static async start({ auth = 'trust', settings = {} }: PostgresOptions): Promise<PostgresServer> {
    template ??= makeTemplate();
    const data = join(await serverDirectory(), 'data');
    await runAsServer('cp', ['-a', await template, data]);
    await writeFile(join(data, 'pg_hba.conf'), `local all all trust\nhost all all 127.0.0.1/32 ${auth}\n`);
    const server = await onFreePort(
      async (port) => new PostgresServer(port, data, settings, await launch(port, data, settings)),
    );
    if (auth !== 'trust') await server.query("ALTER ROLE postgres PASSWORD 'postgres'");
    return server;
  }

  /** A connection string. */
  url({ user = 'postgres', password = 'postgres', database = 'postgres' }: Role = {}): string {
    return `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs one statement as the superuser, on a connection of its own. */
  async query<Row extends QueryResultRow>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    // Through the socket in the server's directory, which asks for no password.
    const client = new Client({ host: this.#data, port: this.port, user: 'postgres', database: 'postgres' });
    await client.connect();
    try {
      return (await client.query<Row>(sql, [...params])).rows;
    } finally {
      await client.end();
    }
  }

  /** Stops: `fast` rolls open transactions back and writes everything, `immediate` is a crash. */
  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    if (this.#paused) await this.resume();
    await this.#process.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }

  /** Starts again after `stop`, on the same port; resolves when it answers. */
  async restart(): Promise<void> {
    this.#process = await launch(this.port, this.#data, this.#settings);
  }

  /** Stops all of its processes where they are: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    this.#paused = true;
    // The first one starts the others: when it is stopped there come no more.
    process.kill(this.#process.pid, 'SIGSTOP');
    for (const pid of await this.#children()) process.kill(pid, 'SIGSTOP');
  }

  /** Lets them go on. */
  async resume(): Promise<void> {
    this.#paused = false;
    for (const pid of [...(await this.#children()), this.#process.pid]) process.kill(pid, 'SIGCONT');
  }

  async #children(): Promise<number[]> {
    const { pid } = this.#process;
    const pids = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return pids.split(' ').filter(Boolean).map(Number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('immediate');
    await rm(this.#data, { recursive: true });
  }
}

/** Starts the server and waits until it answers. */
async function launch(port: number, data: string, settings: Settings): Promise<ServerProcess> {
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: data, ...settings };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = new ServerProcess(POSTGRES ?? '', ['-D', data, '-p', String(port), ...options]);
  await server.said('ready to accept connections');
  return server;
}

/** Starts a PostgreSQL of its own: for tests that stop it, pause it or change its settings. */
export function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  return PostgresServer.start(options);
}

let shared: Promise<PostgresServer> | undefined;

/** The server that the tests of this process share. It syncs nothing: nobody crashes it. */
export function sharedPostgres(): Promise<PostgresServer> {
  shared ??= startPostgres({
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  });
  return shared;
}

/** A name for a schema of the shared server that no other test has; the schema is dropped when disposed, if it was made. */
export async function ownSchema(): Promise<
  AsyncDisposable & { readonly url: string; readonly schema: string }
> {
  const server = await sharedPostgres();
  const schema = `test_${randomUUID().replaceAll('-', '')}`;
  return {
    url: server.url(),
    schema,
    async [Symbol.asyncDispose]() {
      await server.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    },
  };
}
