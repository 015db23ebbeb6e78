import type { PostgresPlace } from '../../config/types.ts';
import { readPostgresUrl } from '../../config/postgres-url.ts';
import type { Clock } from '../../core/clock.ts';
import { StateError } from '../../core/errors.ts';
import { isLoopback } from '../../core/loopback.ts';
import type { Finding } from '../../core/source.ts';
import { showDuration } from '../../core/text.ts';
import { roleOf, serverInWords } from './connections.ts';
import type { Database } from './database.ts';
import { inspect } from './migrate.ts';
import { MIGRATIONS } from './schema.ts';

/** The oldest release that the tests run on. */
const OLDEST_VERSION = 15;

/** Clocks that differ by more make `once` and the times in `status` wrong. Milliseconds. */
const LARGEST_SKEW = 5_000;

/** What would keep replicas from sharing a database, found without writing anything. `clock`: of this machine. */
export async function checkDatabase(database: Database, clock: Clock): Promise<readonly Finding[]> {
  const before = clock.now();
  const [server] = await database.query<ServerRow>(SELECT_SERVER);
  if (server === undefined) throw new Error('A statement without a table returned no row.');
  // The answer took as long as the question did, roughly.
  const skew = server.now - (before + clock.now()) / 2;
  const { place } = database;
  return [
    versionOf(server, place),
    ...transportOf(place),
    await rightsIn(database),
    durabilityOf(server),
    clockOf(skew),
  ];
}

interface ServerRow {
  readonly version: string;
  readonly number: number;
  readonly standby: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly fsync: string;
  readonly standbys: string;
  readonly connected: number;
}

const SELECT_SERVER = `
  SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
    pg_is_in_recovery() AS standby, extract(epoch FROM clock_timestamp()) * 1000 AS now,
    current_setting('fsync') AS fsync, current_setting('synchronous_standby_names') AS standbys,
    (SELECT count(*) FROM pg_catalog.pg_stat_replication) AS connected`;

function versionOf({ version, number, standby }: ServerRow, place: PostgresPlace): Finding {
  const detail = `PostgreSQL ${version} at ${serverInWords(place)}, schema ${place.schema}`;
  if (standby)
    return {
      probe: 'database',
      verdict: 'fail',
      detail: `${detail}: it is a standby, and accepts no writes`,
      advice: 'Name the primary in state.postgres.url.',
    };
  if (number >= OLDEST_VERSION * 10_000) return { probe: 'database', verdict: 'ok', detail, advice: '' };
  return {
    probe: 'database',
    verdict: 'warn',
    detail: `${detail}: Penstock is not tested with a release before ${OLDEST_VERSION}`,
    advice: 'Upgrade the server.',
  };
}

function transportOf(place: PostgresPlace): readonly Finding[] {
  const { host, tls } = readPostgresUrl(place.url.reveal());
  if (tls || host.startsWith('/') || isLoopback(host)) return [];
  return [
    {
      probe: 'transport',
      verdict: 'warn',
      detail: `The connection to ${host} is not encrypted: anyone on the way can read events.`,
      advice: 'Remove sslmode=disable from state.postgres.url.',
    },
  ];
}

const RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

const SELECT_MISSING = `
  SELECT relname AS name, right_name AS right
  FROM pg_catalog.pg_class, unnest($2::text[]) AS right_name
  WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1) AND relkind = 'r'
    AND NOT has_table_privilege(pg_class.oid, right_name)
  ORDER BY relname`;

/** Whether the role may use the tables, or create them. */
async function rightsIn(database: Database): Promise<Finding> {
  const { place } = database;
  const grant = await missingGrant(database);
  if (grant !== undefined)
    return {
      probe: 'grants',
      verdict: 'fail',
      detail: `Role ${roleOf(place)} may not use schema ${place.schema}`,
      advice: `As the owner of the database, run: ${grant}`,
    };
  try {
    const { kind } = await inspect(database, MIGRATIONS);
    const can = kind === 'state' ? 'use the tables' : 'create the tables, as the first run will';
    return { probe: 'grants', verdict: 'ok', detail: `Role ${roleOf(place)} may ${can}`, advice: '' };
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return { probe: 'grants', verdict: 'fail', detail: error.message, advice: 'See docs/replicas.md.' };
  }
}

interface SchemaRow {
  readonly exists: boolean;
  readonly creates: boolean;
  readonly uses: boolean;
  readonly adds: boolean;
  readonly tables: number;
}

const SELECT_SCHEMA = `
  SELECT pg_namespace.oid IS NOT NULL AS exists, has_database_privilege(current_database(), 'CREATE') AS creates,
    coalesce(has_schema_privilege(pg_namespace.oid, 'USAGE'), false) AS uses,
    coalesce(has_schema_privilege(pg_namespace.oid, 'CREATE'), false) AS adds,
    (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_namespace.oid AND relkind = 'r') AS tables
  FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace ON nspname = $1`;

/** The statement that gives the role what it lacks; undefined: it lacks nothing. */
async function missingGrant(database: Database): Promise<string | undefined> {
  const { schema } = database.place;
  const role = roleOf(database.place);
  const [rights] = await database.query<SchemaRow>(SELECT_SCHEMA, [schema]);
  if (rights?.exists !== true)
    return rights?.creates === true ? undefined : `CREATE SCHEMA ${schema} AUTHORIZATION ${role};`;
  if (!rights.uses) return `GRANT USAGE ON SCHEMA ${schema} TO ${role};`;
  const missing = await database.query<{ name: string; right: string }>(SELECT_MISSING, [schema, RIGHTS]);
  if (missing.length > 0) return `GRANT ${RIGHTS.join(', ')} ON ALL TABLES IN SCHEMA ${schema} TO ${role};`;
  return rights.tables === 0 && !rights.adds ? `GRANT CREATE ON SCHEMA ${schema} TO ${role};` : undefined;
}

/** What a committed transaction survives. Each of ours is committed with `synchronous_commit = on`, whatever the server's default. */
function durabilityOf({ fsync, standbys, connected }: ServerRow): Finding {
  const probe = 'durability';
  if (fsync !== 'on')
    return {
      probe,
      verdict: 'fail',
      detail: 'fsync is off: a crash of the server loses events that were acknowledged to nobody else',
      advice: 'Set fsync = on there.',
    };
  if (standbys !== '')
    return { probe, verdict: 'ok', detail: `synchronous_standby_names is ${standbys}`, advice: '' };
  if (connected === 0)
    return {
      probe,
      verdict: 'ok',
      detail: 'committed to the disk of the server; it has no standby',
      advice: '',
    };
  return {
    probe,
    verdict: 'warn',
    detail: 'synchronous_standby_names is empty: what a standby does not have yet is lost when it takes over',
    advice: 'Name a synchronous standby, see docs/replicas.md.',
  };
}

function clockOf(skew: number): Finding {
  const isFine = Math.abs(skew) <= LARGEST_SKEW;
  const way = skew > 0 ? 'behind' : 'ahead of';
  return isFine
    ? { probe: 'clock', verdict: 'ok', detail: 'agrees with the clock of the database', advice: '' }
    : {
        probe: 'clock',
        verdict: 'warn',
        detail: `The clock of this machine is ${showDuration(Math.abs(skew))} ${way} that of the database`,
        advice: 'Correct the one that is wrong (NTP).',
      };
}
