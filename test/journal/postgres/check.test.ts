import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { checkDatabase } from '../../../src/journal/postgres/check.ts';
import { prepare } from '../../../src/journal/postgres/migrate.ts';
import { MIGRATIONS } from '../../../src/journal/postgres/schema.ts';
import { NO_POSTGRES, ownSchema, sharedPostgres, startPostgres } from '../../support/postgres.ts';
import { connect, placeAt } from '../support/databases.ts';

type Findings = Awaited<ReturnType<typeof checkDatabase>>;

function of(findings: Findings, probe: string) {
  return findings.find((finding) => finding.probe === probe);
}

describe.skipIf(NO_POSTGRES)('the check of a database', () => {
  test('says what the server is, and that everything is well before and after the first run', async () => {
    await using server = await startPostgres({ settings: { fsync: 'on' } });
    await using database = connect(placeAt(server.url()));

    const before = await checkDatabase(database, systemClock);
    await prepare(database, MIGRATIONS);
    const after = await checkDatabase(database, systemClock);

    expect(before.map(({ verdict }) => verdict)).toEqual(['ok', 'ok', 'ok', 'ok']);
    expect(of(before, 'database')?.detail).toMatch(
      /^PostgreSQL 1\d.* at 127\.0\.0\.1:\d+\/postgres, schema penstock$/,
    );
    expect(of(before, 'grants')?.detail).toBe('Role postgres may create the tables, as the first run will');
    expect(of(after, 'grants')?.detail).toBe('Role postgres may use the tables');
  });

  test('names the grant that a role lacks, step by step until it lacks none', async () => {
    await using own = await ownSchema();
    const { schema } = own;
    const { query, url } = await roleOf(schema);
    await using database = connect(placeAt(url, { schema }));
    const grant = async () => of(await checkDatabase(database, systemClock), 'grants');

    expect(await grant()).toMatchObject({
      verdict: 'fail',
      advice: `As the owner of the database, run: CREATE SCHEMA ${schema} AUTHORIZATION ${schema}_role;`,
    });
    await query(`CREATE SCHEMA ${schema}`);
    expect((await grant())?.advice).toContain(`GRANT USAGE ON SCHEMA ${schema} TO ${schema}_role;`);
    await query(`GRANT USAGE ON SCHEMA ${schema} TO ${schema}_role`);
    expect((await grant())?.advice).toContain(`GRANT CREATE ON SCHEMA ${schema} TO ${schema}_role;`);

    // The owner makes the tables, and the role may not read one.
    await using owner = connect(placeAt(own.url, { schema }));
    await prepare(owner, MIGRATIONS);
    await query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO ${schema}_role`);
    const missing = await grant();
    expect(missing?.advice).toContain(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${schema}_role;`,
    );
    await query(missing?.advice.replace(/^.*run: /, '') ?? '');
    expect(await grant()).toMatchObject({ verdict: 'ok', detail: `Role ${schema}_role may use the tables` });
    await query(`DROP OWNED BY ${schema}_role`);
    await query(`DROP ROLE ${schema}_role`);
  });

  test('tables of somebody else are a failure that names them', async () => {
    await using own = await ownSchema();
    const server = await sharedPostgres();
    await server.query(`CREATE SCHEMA ${own.schema}`);
    await server.query(`CREATE TABLE ${own.schema}.accounts (id int)`);
    await using database = connect(placeAt(own.url, { schema: own.schema }));

    expect(of(await checkDatabase(database, systemClock), 'grants')).toMatchObject({
      verdict: 'fail',
      detail: expect.stringContaining('holds tables that are not of Penstock (accounts)') as unknown,
    });
  });

  test('a clock that differs from that of the database is a warning', async () => {
    await using own = await ownSchema();
    await using database = connect(placeAt(own.url, { schema: own.schema }));
    const late = { ...systemClock, now: () => systemClock.now() - 60_000 };

    expect(of(await checkDatabase(database, late), 'clock')).toEqual({
      probe: 'clock',
      verdict: 'warn',
      detail: 'The clock of this machine is 1m behind that of the database',
      advice: 'Correct the one that is wrong (NTP).',
    });
  });

  test('a server that syncs nothing is a failure', async () => {
    await using server = await startPostgres({ settings: { fsync: 'off' } });
    await using database = connect(placeAt(server.url()));

    expect(of(await checkDatabase(database, systemClock), 'durability')).toMatchObject({
      verdict: 'fail',
      advice: 'Set fsync = on there.',
    });
  });

  test('a synchronous standby is named', async () => {
    await using server = await startPostgres({
      settings: { fsync: 'on', synchronous_standby_names: 'siem_b' },
    });
    await using database = connect(placeAt(server.url()));

    expect(of(await checkDatabase(database, systemClock), 'durability')?.detail).toBe(
      'synchronous_standby_names is siem_b',
    );
  });
});

/** A role without rights, named after a schema of the shared server. */
async function roleOf(schema: string) {
  const server = await sharedPostgres();
  const user = `${schema}_role`;
  await server.query(`CREATE ROLE ${user} LOGIN`);
  return { query: (sql: string) => server.query(sql), url: server.url({ user }) };
}
