import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { missing, type PostgresServer, type Role } from './postgres.ts';
import { onFreePort, programPath, serverDirectory, ServerProcess } from './server-process.ts';

const PGBOUNCER = programPath('pgbouncer');

/** Why no PgBouncer can be started here; undefined where one can. For `describe.skipIf`. */
export const NO_PGBOUNCER = missing({ pgbouncer: PGBOUNCER }, 'pgbouncer');

export interface PgBouncerOptions {
  /** Connections that it keeps to the server for each database and user. Default 4, fewer than clients have. */
  readonly poolSize?: number;
  /** Roles that may connect, besides the superuser. */
  readonly roles?: readonly Role[];
}

export interface PgBouncer extends AsyncDisposable {
  /** A connection string. */
  url(role?: Role): string;
}

/** A real PgBouncer in transaction mode before a server, as Debian sets it up: it refuses what it does not know at connection. */
export async function startPgBouncer(
  server: PostgresServer,
  { poolSize = 4, roles = [] }: PgBouncerOptions = {},
): Promise<PgBouncer> {
  const directory = await serverDirectory();
  const users = [{}, ...roles].map(
    ({ user = 'postgres', password = 'postgres' }: Role) => `"${user}" "${password}"\n`,
  );
  await writeFile(join(directory, 'users.txt'), users.join(''));
  const [port, bouncer] = await onFreePort(async (port) => {
    const file = join(directory, 'pgbouncer.ini');
    await writeFile(file, settings(server, port, directory, poolSize));
    const started = new ServerProcess(PGBOUNCER ?? '', [file]);
    await started.said('process up');
    return [port, started] as const;
  });
  return {
    url: ({ user = 'postgres', password = 'postgres', database = 'postgres' }: Role = {}) =>
      `postgresql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`,
    async [Symbol.asyncDispose]() {
      await bouncer.end('SIGTERM');
      await rm(directory, { recursive: true });
    },
  };
}

function settings({ port }: PostgresServer, listen: number, directory: string, poolSize: number): string {
  return `
[databases]
* = host=127.0.0.1 port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
pidfile = ${directory}/pgbouncer.pid
auth_type = trust
auth_file = ${directory}/users.txt
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
`;
}
