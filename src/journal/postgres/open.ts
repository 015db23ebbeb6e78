import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { PostgresPlace } from '../../config/types.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Finding } from '../../core/source.ts';
import { StateInUseError } from '../journal.ts';
import type { Replica } from '../leases.ts';
import { type Forgotten, stateDocument, type StateDocument } from '../state-document.ts';
import { checkDatabase } from './check.ts';
import { serverInWords } from './connections.ts';
import { Database, type OnUse } from './database.ts';
import { HeldFence } from './fence.ts';
import { PostgresLeases, replicasIn } from './leases.ts';
import { inspect, older, prepare } from './migrate.ts';
import { MomentaryFence } from './momentary.ts';
import { PostgresJournal } from './postgres-journal.ts';
import { MIGRATIONS } from './schema.ts';
import { exportState, forgetSource, importState } from './transfer.ts';

export interface PostgresOptions {
  readonly place: PostgresPlace;
  readonly clock: Clock;
  readonly log?: Logger | undefined;
  /** The command that opens the state: `run` for a daemon. */
  readonly command?: string | undefined;
  /** The name of this process for others; made up when absent. */
  readonly replica?: string | undefined;
  /**
   * `held`: whoever writes takes the lease of what it works on before, and keeps it (`run`, `once`). `momentary`: a write
   * needs a source or a destination that nobody holds at that moment. Default: momentary.
   */
  readonly fencing?: 'held' | 'momentary' | undefined;
  /** See `Database`. */
  readonly onUse?: OnUse | undefined;
  /** See `PostgresQuotas`. Default: that of the database. */
  readonly quotaTime?: 'database' | 'caller' | undefined;
  /** The schema's steps; tests bring their own. */
  readonly migrations?: readonly string[] | undefined;
}

export interface PostgresJournalOptions extends PostgresOptions {
  /** Cap on what pages and dead letters take, bytes. */
  readonly maxBytes: number;
  /** How long delivered pages are kept, milliseconds; 0 is legal. */
  readonly retain: number;
}

/**
 * Opens the state beside other replicas. It is created on a first run, and migrated by the first replica of a release.
 * @throws StateError refused, foreign, newer, no right to create it
 * @throws JournalWriteError the database does not answer
 */
export async function openPostgres(options: PostgresJournalOptions): Promise<PostgresJournal> {
  const { migrations = MIGRATIONS } = options;
  return opened(options, (database) => prepare(database, migrations));
}

/**
 * Opens the state for reading, for spending quotas and for leaving jobs. Undefined when there is none: it is not created.
 * @throws StateError, JournalWriteError as `openPostgres`; also when the state must be migrated first
 */
export async function openPostgresBeside(options: PostgresOptions): Promise<PostgresJournal | undefined> {
  if (!(await isPostgresThere(options))) return undefined;
  return opened({ ...options, maxBytes: Infinity, retain: Infinity }, async () => undefined);
}

/** Whether there is a state. Writes nothing. As `openPostgresBeside`. */
export async function isPostgresThere({
  place,
  migrations = MIGRATIONS,
}: Pick<PostgresOptions, 'place' | 'migrations'>): Promise<boolean> {
  return withDatabase(place, async (database) => {
    const found = await inspect(database, migrations);
    if (found.kind === 'nothing') return false;
    if (found.version < migrations.length) throw older(place, found.version, migrations.length);
    return true;
  });
}

/** Whether a replica that works on jobs is alive. */
export async function isPostgresHeld(place: PostgresPlace): Promise<boolean> {
  if (!(await isPostgresThere({ place }))) return false;
  const replicas = await withDatabase(place, replicasIn);
  return replicas.some(({ command }) => command === 'run');
}

/** As `exportState`. */
export async function exportPostgres(place: PostgresPlace, now: number): Promise<StateDocument> {
  if (!(await isPostgresThere({ place }))) return stateDocument([], now);
  return withDatabase(place, (database) => exportState(database, now));
}

/** As `importState`. */
export async function importPostgres(place: PostgresPlace, document: StateDocument): Promise<void> {
  return withDatabase(place, async (database) => {
    await prepare(database, MIGRATIONS);
    const [replica] = await replicasIn(database);
    if (replica !== undefined) throw inUse(place, replica);
    await importState(database, document, `${serverInWords(place)}, schema ${place.schema}`);
  });
}

/** As `forgetSource`. */
export async function forgetInPostgres(place: PostgresPlace, source: string): Promise<Forgotten> {
  return withDatabase(place, async (database) => {
    await prepare(database, MIGRATIONS);
    return forgetSource(database, source);
  });
}

function inUse(place: PostgresPlace, { name }: Replica): StateInUseError {
  return new StateInUseError(
    `Replica ${name} uses the state in ${serverInWords(place)}, schema ${place.schema}. Stop all replicas, and try again.`,
    undefined,
  );
}

/** As `checkDatabase`. */
export async function checkPostgres(place: PostgresPlace, clock: Clock): Promise<readonly Finding[]> {
  return withDatabase(place, (database) => checkDatabase(database, clock));
}

async function withDatabase<T>(place: PostgresPlace, work: (database: Database) => Promise<T>): Promise<T> {
  await using database = new Database(place, (one) => new MomentaryFence(one));
  return await work(database);
}

async function opened(
  options: PostgresJournalOptions,
  check: (database: Database) => Promise<void>,
): Promise<PostgresJournal> {
  const { database, leases } = connected(options);
  try {
    await check(database);
    const { quotaTime = 'database' } = options;
    return new PostgresJournal({ ...options, database, leases, quotaTime });
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

function connected({
  place,
  fencing,
  replica,
  command = 'penstock',
  log,
  onUse,
  migrations = MIGRATIONS,
}: PostgresOptions) {
  let leases: PostgresLeases | undefined;
  const database = new Database(
    place,
    (made) => {
      if (fencing !== 'held') return new MomentaryFence(made);
      const name = replica ?? `${hostname()}-${randomBytes(3).toString('hex')}`;
      const version = migrations.length;
      leases = new PostgresLeases({ database: made, version, id: randomUUID(), name, command, log });
      return new HeldFence(made, leases);
    },
    onUse,
  );
  return { database, leases };
}
