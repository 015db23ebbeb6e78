import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { startProgram } from './cli.ts';
import { NO_PGBOUNCER, startPgBouncer } from './pgbouncer.ts';
import { NO_POSTGRES, ownSchema, startPostgres } from './postgres.ts';

async function connected(url: string, options: object = {}): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url, ...options });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

describe.skipIf(NO_POSTGRES)('a PostgreSQL for tests', () => {
  it('a crash keeps what was committed and rolls back what was not', async () => {
    await using server = await startPostgres();
    await server.query('CREATE TABLE kept (n int)');
    await server.query('INSERT INTO kept VALUES (1)');
    const open = new Client(server.url());
    open.on('error', () => undefined);
    await open.connect();
    await open.query('BEGIN; INSERT INTO kept VALUES (2)');

    await server.stop('immediate');
    await server.restart();

    expect(await server.query('SELECT n FROM kept')).toEqual([{ n: 1 }]);
    await expect(open.query('COMMIT')).rejects.toThrow(/connection/i);
  });

  it('a paused server answers nothing until it goes on', async () => {
    await using server = await startPostgres();
    await using client = await connected(server.url());
    await server.pause();
    const answer = client.query('SELECT 1 AS one');
    const other = connected(server.url());

    expect(await Promise.race([answer, other, sleep(100, 'nothing')])).toBe('nothing');
    await server.resume();

    expect((await answer).rows).toEqual([{ one: 1 }]);
    await (await other).end();
  });

  it('a role signs in with its password where a test asks for that, and a wrong one is refused', async () => {
    await using server = await startPostgres({ auth: 'scram-sha-256' });
    await server.query("CREATE ROLE reader LOGIN PASSWORD 'right'");

    await using right = await connected(server.url({ user: 'reader', password: 'right' }));

    expect((await right.query('SELECT current_user')).rows).toEqual([{ current_user: 'reader' }]);
    await expect(connected(server.url({ user: 'reader', password: 'wrong' }))).rejects.toThrow(/password/);
  });

  it('a server that is disposed leaves no files', async () => {
    const server = await startPostgres();
    const [row] = await server.query<{ data_directory: string }>('SHOW data_directory');
    const directory = row?.data_directory ?? '';
    expect(existsSync(directory)).toBe(true);

    await server[Symbol.asyncDispose]();

    expect(existsSync(directory)).toBe(false);
  });

  it('each test has a schema of its own, dropped at its end', async () => {
    const one = await ownSchema();
    await using client = await connected(one.url);
    await client.query(`CREATE SCHEMA ${one.schema}; CREATE TABLE ${one.schema}.own (n int)`);
    await using other = await ownSchema();
    expect(other.schema).not.toBe(one.schema);

    await one[Symbol.asyncDispose]();

    const { rows } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [one.schema]);
    expect(rows).toEqual([]);
  });
});

describe.skipIf(NO_POSTGRES ?? NO_PGBOUNCER)('a PgBouncer for tests', () => {
  it('gives a session another connection to the server for each transaction, and refuses settings at connection', async () => {
    await using server = await startPostgres();
    await using bouncer = await startPgBouncer(server, { poolSize: 2 });
    await using one = await connected(bouncer.url());
    await using other = await connected(bouncer.url());

    const pids = new Set<number>();
    await one.query('BEGIN');
    for (const client of [one, other]) {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      pids.add(rows[0]?.pid ?? 0);
    }
    await one.query('COMMIT');
    await using third = await connected(bouncer.url());
    const { rows } = await third.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');

    expect(pids.size).toBe(2);
    expect(pids).toContain(rows[0]?.pid);
    await expect(connected(bouncer.url(), { statement_timeout: 1000 })).rejects.toThrow(/statement_timeout/);
  });
});

/** Starts a server, says where it is and waits for its end. */
const HOLDER = `
import { startPostgres } from './test/support/postgres.ts';
const server = await startPostgres();
const [row] = await server.query("SELECT current_setting('data_directory') AS directory");
console.error(\`holds \${row.directory}.\`);
await new Promise((resolve) => setTimeout(resolve, 60_000));
`;

describe.skipIf(NO_POSTGRES)('a process of tests that is killed', () => {
  it('leaves no server and no files', async () => {
    const cwd = new URL('../..', import.meta.url).pathname;
    const holder = startProgram([process.execPath, '--input-type=module-typescript', '--eval', HOLDER], {
      cwd,
    });
    await holder.said('.\n');
    const directory = /holds (.*)\./.exec(holder.stderr())?.[1] ?? '';
    const [pid] = (await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n');

    const left = () => [dirname(dirname(directory)), `/proc/${pid}`].filter((path) => existsSync(path));
    expect(left()).toHaveLength(2);

    holder.child.kill('SIGKILL');

    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  });
});
