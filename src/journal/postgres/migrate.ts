import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresPlace } from '../../config/types.ts';
import { StateError } from '../../core/errors.ts';
import { roleOf, serverInWords } from './connections.ts';
import type { Database, Transaction } from './database.ts';
import { sqlState } from './problems.ts';
import { tablesOf } from './schema.ts';

/** What is in the place of a state. */
export type Found =
  | { readonly kind: 'nothing'; readonly hasSchema: boolean }
  | { readonly kind: 'state'; readonly version: number };

/** Tables, also partitioned and foreign ones, and views. `pg_class` shows also those that this role has no rights to. */
const SELECT_TABLES = `
  SELECT nspname AS schema, relname AS name FROM pg_catalog.pg_namespace
  LEFT JOIN pg_catalog.pg_class ON relnamespace = pg_namespace.oid AND relkind IN ('r', 'p', 'v', 'm', 'f')
  WHERE nspname = $1 ORDER BY relname`;
interface VersionRow {
  readonly value: string;
}

const SELECT_VERSION = "SELECT value FROM penstock.meta WHERE name = 'version'";

/**
 * What is in the place of a state. Writes nothing.
 * @throws StateError when the schema holds tables of somebody else, or was migrated by a newer release
 */
export async function inspect(database: Database, migrations: readonly string[]): Promise<Found> {
  const rows = await database.query<{ name: string | null }>(SELECT_TABLES, [database.place.schema]);
  const tables = rows.flatMap(({ name }) => name ?? []);
  if (tables.length === 0) return { kind: 'nothing', hasSchema: rows.length > 0 };
  const version = tables.includes('meta') ? await versionOf(database) : undefined;
  if (version === undefined) throw foreign(database.place, tables);
  if (version > migrations.length) throw newer(database.place, version, migrations.length);
  const ours = tablesOf(migrations);
  const others = tables.filter((name) => !ours.includes(name));
  if (others.length > 0) throw foreign(database.place, others);
  return { kind: 'state', version };
}

/**
 * Creates the state if there is none, and brings it to the version of this release. Of several processes that start at
 * once one does it, and the others wait.
 * @throws StateError as `inspect`, and when the role may not create what is missing
 */
export async function prepare(database: Database, migrations: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await inspect(database, migrations);
    if (found.kind === 'state' && found.version === migrations.length) return;
    try {
      await database.transact((transaction) => migrate(transaction, found, migrations));
      return;
    } catch (error) {
      if (!isLostRace(error) || attempt === ATTEMPTS) throw withGrant(error, database.place, found);
      await pause(100 * attempt);
    }
  }
}

/** Another process creates the same at the same time; it may yet fail. */
const ATTEMPTS = 10;

async function migrate(transaction: Transaction, found: Found, migrations: readonly string[]): Promise<void> {
  if (found.kind === 'nothing') {
    if (!found.hasSchema) await transaction.run('CREATE SCHEMA penstock');
    await apply(transaction, 0, migrations);
    return;
  }
  // Others can still read, so that they see that the version has changed.
  await transaction.run('LOCK TABLE penstock.meta IN SHARE ROW EXCLUSIVE MODE');
  const [row] = await transaction.query<VersionRow>(SELECT_VERSION);
  await apply(transaction, Number(row?.value), migrations);
}

async function apply(
  transaction: Transaction,
  version: number,
  migrations: readonly string[],
): Promise<void> {
  for (const sql of migrations.slice(version)) await transaction.run(sql);
  await transaction.run(
    `INSERT INTO penstock.meta (name, value) VALUES ('version', $1)
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    [String(migrations.length)],
  );
}

/** Undefined when the table is no `meta` of ours. */
async function versionOf(database: Database): Promise<number | undefined> {
  try {
    const [row] = await database.query<VersionRow>(SELECT_VERSION);
    const version = Number(row?.value);
    return Number.isInteger(version) && version > 0 ? version : undefined;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_COLUMN) return undefined;
    throw error;
  }
}

const UNDEFINED_COLUMN = '42703';
const INSUFFICIENT_PRIVILEGE = '42501';

/** Schema, table or row exist by now: another process was faster. Or it holds the lock. */
const LOST_RACE = ['42P06', '42P07', '23505', '55P03'];

function isLostRace(error: unknown): boolean {
  return [error, (error as Error).cause].some((one) => LOST_RACE.includes(sqlState(one) ?? ''));
}

function withGrant(error: unknown, place: PostgresPlace, found: Found): unknown {
  if (sqlState((error as Error).cause) !== INSUFFICIENT_PRIVILEGE) return error;
  const [server, role, schema] = [serverInWords(place), roleOf(place), place.schema];
  const database = server.slice(server.lastIndexOf('/') + 1);
  const grant =
    found.kind === 'nothing' && !found.hasSchema
      ? `CREATE SCHEMA ${schema} AUTHORIZATION ${role}, or GRANT CREATE ON DATABASE ${database} TO ${role}`
      : `GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}, and let ${role} own the tables in it`;
  return new StateError(
    `Role ${role} may not create the state in ${server}, schema ${schema}: ${(error as Error).message}. As the owner of the database, run: ${grant}.`,
    { cause: error },
  );
}

const TABLES_NAMED = 3;

function foreign(place: PostgresPlace, tables: readonly string[]): StateError {
  const more = tables.length - TABLES_NAMED;
  const named = [...tables.slice(0, TABLES_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return new StateError(
    `Schema ${place.schema} in ${serverInWords(place)} holds tables that are not of Penstock (${named}). It was not changed. Set state.postgres.schema to a schema that only Penstock uses, or move these tables out of it.`,
  );
}

export function newer(place: PostgresPlace, found: number, known: number): StateError {
  return new StateError(
    `The state in ${serverInWords(place)}, schema ${place.schema}, was migrated by a newer release (schema version ${found}, this release knows ${known}). Use that release, or restore a backup that was made before.`,
  );
}

export function older(place: PostgresPlace, found: number, known: number): StateError {
  return new StateError(
    `The state in ${serverInWords(place)}, schema ${place.schema}, has schema version ${found}, but this release reads version ${known}. Start \`penstock run\` or \`penstock once\` of this release first: it migrates the state.`,
  );
}
