import { Client } from 'pg';
import { describe, expect, it } from 'vitest';
import { NO_POSTGRES, ownSchema } from './postgres.ts';
import { type PostgresProxy, startProxy } from './postgres-proxy.ts';

async function connected(url: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** A table with a number in it, the proxy before its server, and a client that goes through it. */
async function setUp(): Promise<
  AsyncDisposable & { proxy: PostgresProxy; client: Client; table: string; numbers: () => Promise<number[]> }
> {
  const stack = new AsyncDisposableStack();
  const { url, schema } = stack.use(await ownSchema());
  const direct = stack.use(await connected(url));
  const table = `${schema}.numbers`;
  await direct.query(`CREATE SCHEMA ${schema}; CREATE TABLE ${table} (n int)`);
  const proxy = stack.use(await startProxy(url));
  const client = stack.use(await connected(proxy.url));
  return {
    proxy,
    client,
    table,
    numbers: async () =>
      (await direct.query<{ n: number }>(`SELECT n FROM ${table} ORDER BY n`)).rows.map(({ n }) => n),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe.skipIf(NO_POSTGRES)('a proxy before PostgreSQL', () => {
  it('sees each statement, simple or with parameters', async () => {
    await using test = await setUp();

    await test.client.query('SELECT 1');
    await test.client.query('SELECT $1::int AS n', [2]);

    expect(test.proxy.statements).toEqual([
      { sql: 'SELECT 1', connection: 1, index: 1 },
      { sql: 'SELECT $1::int AS n', connection: 1, index: 2 },
    ]);
  });

  it.each([
    { fate: 'cut' as const, inTable: [] },
    { fate: 'cut-answer' as const, inTable: [7] },
  ])('after "$fate" of a statement that inserts 7, $inTable is in the table', async ({ fate, inTable }) => {
    await using test = await setUp();
    test.proxy.onStatement = ({ sql }) => (sql.startsWith('INSERT') ? fate : undefined);

    const inserted = test.client.query(`INSERT INTO ${test.table} VALUES ($1)`, [7]);

    await expect(inserted).rejects.toThrow(/Connection terminated/);
    expect(await test.numbers()).toEqual(inTable);
    expect(test.proxy.open).toBe(0);
  });

  it('a COMMIT whose answer is lost has happened, the statements before it were answered', async () => {
    await using test = await setUp();
    test.proxy.onStatement = ({ sql }) => (sql === 'COMMIT' ? 'cut-answer' : undefined);
    await test.client.query('BEGIN');
    await test.client.query(`INSERT INTO ${test.table} VALUES (1)`);

    await expect(test.client.query('COMMIT')).rejects.toThrow(/Connection terminated/);

    expect(await test.numbers()).toEqual([1]);
  });

  it('statements that are sent without waiting are each cut as if they had been sent alone', async () => {
    await using test = await setUp();
    await using piped = Object.assign(new Client({ connectionString: test.proxy.url, pipeline: true }), {
      [Symbol.asyncDispose]: async () => undefined,
    });
    piped.on('error', () => undefined);
    await piped.connect();
    test.proxy.onStatement = ({ sql }) => (sql.includes('(2)') ? 'cut-answer' : undefined);

    const answers = await Promise.allSettled(
      [1, 2, 3].map((n) => piped.query(`INSERT INTO ${test.table} VALUES (${n})`)),
    );

    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(await test.numbers()).toEqual(expect.arrayContaining([1, 2]));
  });

  it('holds a statement before the server, or its answer, as long as a test wants', async () => {
    await using test = await setUp();
    const [before, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    test.proxy.onStatement = ({ sql }) =>
      sql.includes('(1)') ? { before: before.promise } : { answer: answer.promise };

    const first = test.client.query(`INSERT INTO ${test.table} VALUES (1)`);
    await test.proxy.saw('(1)');
    expect(await test.numbers()).toEqual([]);
    before.resolve();
    await first;
    let isAnswered = false;
    const second = test.client
      .query(`INSERT INTO ${test.table} VALUES (2)`)
      .finally(() => (isAnswered = true));
    await expect.poll(test.numbers).toEqual([1, 2]);

    expect(isAnswered).toBe(false);
    answer.resolve();
    expect((await second).rowCount).toBe(1);
  });

  it('away ends every connection and refuses new ones until it is back', async () => {
    await using test = await setUp();

    test.proxy.away();

    await expect(test.client.query('SELECT 1')).rejects.toThrow(/connection|terminated/i);
    await expect(connected(test.proxy.url)).rejects.toThrow(/connection|terminated|ECONNRESET/i);
    test.proxy.back();
    await using again = await connected(test.proxy.url);
    expect((await again.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });
});
