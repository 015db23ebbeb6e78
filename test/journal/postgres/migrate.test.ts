import { describe, expect, test } from 'vitest';
import { StateError } from '../../../src/core/errors.ts';
import { inspect, prepare } from '../../../src/journal/postgres/migrate.ts';
import { MIGRATIONS } from '../../../src/journal/postgres/schema.ts';
import { NO_POSTGRES, ownSchema, sharedPostgres, startPostgres } from '../../support/postgres.ts';
import { connect, placeAt } from '../support/databases.ts';

const LATER = [
  ...MIGRATIONS,
  'CREATE TABLE penstock.later (id bigint); ALTER TABLE penstock.head ADD extra text',
];

describe.skipIf(NO_POSTGRES)('the schema of a state', () => {
  test('of many processes that start at once one makes it, and all can use it', async () => {
    await using own = await ownSchema();
    const databases = Array.from({ length: 6 }, () => connect(placeAt(own.url, { schema: own.schema })));

    await Promise.all(databases.map((database) => prepare(database, MIGRATIONS)));
    await Promise.all(databases.map((database) => prepare(database, LATER)));

    const found = await Promise.all(databases.map((database) => inspect(database, LATER)));
    expect(new Set(found.map((one) => JSON.stringify(one)))).toEqual(
      new Set(['{"kind":"state","version":2}']),
    );
    for (const database of databases) await database[Symbol.asyncDispose]();
  });

  test('what a newer release migrated is refused by an older one', async () => {
    await using own = await ownSchema();
    await using database = connect(placeAt(own.url, { schema: own.schema }));
    await prepare(database, LATER);

    const older = prepare(database, MIGRATIONS);

    await expect(older).rejects.toBeInstanceOf(StateError);
    await expect(older).rejects.toThrow(
      'migrated by a newer release (schema version 2, this release knows 1)',
    );
  });

  test('a migration that fails leaves the state as it was', async () => {
    await using own = await ownSchema();
    await using database = connect(placeAt(own.url, { schema: own.schema }));
    await prepare(database, MIGRATIONS);

    const failing = prepare(database, [
      ...MIGRATIONS,
      'CREATE TABLE penstock.later (id bigint); SELECT 1 / 0',
    ]);

    await expect(failing).rejects.toThrow('division by zero');
    expect(await inspect(database, MIGRATIONS)).toEqual({ kind: 'state', version: 1 });
  });

  test.each([
    ['alone', 'CREATE TABLE {schema}.accounts (id int)', 'accounts'],
    ['with a table named as one of ours', 'CREATE TABLE {schema}.meta (id int)', 'meta'],
    ['as a view', 'CREATE VIEW {schema}.everything AS SELECT 1', 'everything'],
  ])('tables of somebody else are refused and left alone: %s', async (_, sql, named) => {
    await using own = await ownSchema();
    const server = await sharedPostgres();
    await server.query(`CREATE SCHEMA ${own.schema}`);
    await server.query(sql.replace('{schema}', own.schema));
    await using database = connect(placeAt(own.url, { schema: own.schema }));

    await expect(prepare(database, MIGRATIONS)).rejects.toThrow(`tables that are not of Penstock (${named})`);
  });

  test('tables beside ours are refused, also those that the role may not read', async () => {
    await using server = await startPostgres();
    await server.query('CREATE ROLE penstock LOGIN');
    await server.query('CREATE SCHEMA penstock AUTHORIZATION penstock');
    await using database = connect(placeAt(server.url({ user: 'penstock' })));
    await prepare(database, MIGRATIONS);
    await server.query('CREATE TABLE penstock.secret (id int)');

    await expect(inspect(database, MIGRATIONS)).rejects.toThrow('not of Penstock (secret)');
  });

  test('a role that may not create the schema is told which grant it needs, and needs no other', async () => {
    await using server = await startPostgres();
    await server.query('CREATE ROLE penstock LOGIN');
    await using database = connect(placeAt(server.url({ user: 'penstock' })));

    const refused = prepare(database, MIGRATIONS);
    await expect(refused).rejects.toBeInstanceOf(StateError);
    await expect(refused).rejects.toThrow('GRANT CREATE ON DATABASE postgres TO penstock');
    await server.query('CREATE SCHEMA penstock');
    await server.query('GRANT USAGE ON SCHEMA penstock TO penstock');
    await expect(prepare(database, MIGRATIONS)).rejects.toThrow(
      'GRANT USAGE, CREATE ON SCHEMA penstock TO penstock',
    );
    await server.query('GRANT CREATE ON SCHEMA penstock TO penstock');
    await prepare(database, MIGRATIONS);

    expect(await inspect(database, MIGRATIONS)).toEqual({ kind: 'state', version: 1 });
  });
});
