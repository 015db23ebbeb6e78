import { readPostgresUrl, serverOf } from '../config/postgres-url.ts';
import type { DirectoryPlace, PostgresPlace, StateConfig, StatePlace } from '../config/types.ts';
import { systemClock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Finding } from '../core/source.ts';
import type { Holder, JobJournal, Journal, JournalView, JournalWriteError, QuotaJournal } from './journal.ts';
import type * as Postgres from './postgres/open.ts';
import { type Patience, reached } from './reach.ts';
import type { Forgotten, StateDocument } from './state-document.ts';

/** What opens a state besides its configuration. */
export interface OpenOptions extends Patience {
  readonly log?: Logger | undefined;
  /** The command that opens it, for others that want the state: `run` for a daemon. */
  readonly command?: string | undefined;
  /** The name of this process among replicas; made up when absent. */
  readonly replica?: string | undefined;
  /** `held`: this process takes the lease of whatever it works on. Default: it writes what nobody holds at the moment. */
  readonly fencing?: 'held' | 'momentary' | undefined;
  /** Called after each use of a database, with why it did not answer; undefined when it did. */
  readonly onUse?: ((outage: JournalWriteError | undefined) => void) | undefined;
}

/**
 * Opens a state for polling and delivering. It is created on a first run.
 * @throws StateError when it cannot be used: in use by another process, lost, foreign, corrupt, newer, not writable.
 */
export async function openJournal(state: StateConfig, options: OpenOptions): Promise<Journal> {
  const { place, maxBytes, retain } = state;
  if (place.kind === 'postgres') {
    return onPostgres(options, ({ openPostgres }) => openPostgres({ ...options, place, maxBytes, retain }));
  }
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.openJournal({ ...inDirectory(state, options), maxBytes, retain });
}

/**
 * Opens a state for reading, beside those that use it. One that does not exist reads as empty, and is not created.
 * @throws StateError lost, foreign, corrupt, of another schema version, not readable.
 */
export async function openJournalReadOnly(state: StateConfig, options: OpenOptions): Promise<JournalView> {
  if (state.place.kind === 'postgres') return openBeside(state.place, options);
  const { path, ...others } = inDirectory(state, options);
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.openJournalReadOnly(path, others);
}

/**
 * Opens a state for reading and for spending quotas, beside those that use it. One that does not exist is not created:
 * then spent requests are remembered for the life of the process.
 * @throws StateError as `openJournal`
 */
export async function openJournalForQuotas(state: StateConfig, options: OpenOptions): Promise<QuotaJournal> {
  if (state.place.kind === 'postgres') return openBeside(state.place, options);
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.openJournalForQuotas(inDirectory(state, options));
}

/**
 * Opens a state in order to leave jobs for the process that does them, and to follow them.
 * @throws StateError as `openJournal`
 */
export async function openJournalForJobs(state: StateConfig, options: OpenOptions): Promise<JobJournal> {
  if (state.place.kind === 'postgres') return openBeside(state.place, options);
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.openJournalForJobs(inDirectory(state, options));
}

/**
 * Whether there is a state. Writes nothing.
 * @throws StateError lost, foreign, newer, not readable.
 */
export async function isStateThere({ place }: StateConfig): Promise<boolean> {
  if (place.kind === 'postgres')
    return onPostgres(COMMAND, ({ isPostgresThere }) => isPostgresThere({ place }));
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.isStateThere(directoryOf(place).path);
}

/** Whether a process uses the state now that works on jobs. Takes no lock and creates nothing. */
export async function isStateHeld({ place }: StateConfig): Promise<boolean> {
  if (place.kind === 'postgres') return onPostgres(COMMAND, ({ isPostgresHeld }) => isPostgresHeld(place));
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.isStateHeld(directoryOf(place).path);
}

/** The process that alone holds the state; undefined when there is none, or when it is not known. */
export async function holderOf({ place }: StateConfig): Promise<Holder | undefined> {
  if (place.kind === 'postgres') return undefined;
  const sqlite = await import('./sqlite/open.ts');
  return sqlite.stateHolder(directoryOf(place).path);
}

/**
 * All streams of a state as of one moment.
 * @throws StateError as `openJournalReadOnly`
 */
export async function exportState(state: StateConfig, options: OpenOptions): Promise<StateDocument> {
  const { place } = state;
  if (place.kind === 'postgres')
    return onPostgres(options, ({ exportPostgres }) => exportPostgres(place, options.clock.now()));
  const transfer = await import('./sqlite/transfer.ts');
  return transfer.exportState(inDirectory(state, options), options.clock.now());
}

/**
 * Imports a document into an empty state, which is created if it does not exist: all of it, or nothing.
 * @throws StateError when the state is not empty, and as `openJournal`
 */
export async function importState(
  state: StateConfig,
  options: OpenOptions,
  document: StateDocument,
): Promise<void> {
  const { place } = state;
  if (place.kind === 'postgres') {
    // What changes the state is tried once: it may have happened although no answer came.
    await onPostgres(options, ({ isPostgresThere }) => isPostgresThere({ place }));
    return onPostgres({ ...options, patience: 0 }, ({ importPostgres }) => importPostgres(place, document));
  }
  const transfer = await import('./sqlite/transfer.ts');
  transfer.importState(inDirectory(state, options), document);
}

/**
 * Forgets all that the state knows of a source, also its type and origin. Events in the journal are still delivered, and
 * its dead letters and spent quotas stay.
 * @throws StateError as `openJournal`
 */
export async function forgetSource(
  state: StateConfig,
  options: OpenOptions,
  name: string,
): Promise<Forgotten> {
  const { place } = state;
  if (place.kind === 'postgres') {
    await onPostgres(options, ({ isPostgresThere }) => isPostgresThere({ place }));
    return onPostgres({ ...options, patience: 0 }, ({ forgetInPostgres }) => forgetInPostgres(place, name));
  }
  const transfer = await import('./sqlite/transfer.ts');
  return transfer.forgetSource(inDirectory(state, options), name);
}

/** What would keep replicas from sharing the database of a state. A directory is inspected when it is opened. */
export async function checkState({ place }: StateConfig, options: Patience): Promise<readonly Finding[]> {
  if (place.kind === 'directory') return [];
  return onPostgres(options, ({ checkPostgres }) => checkPostgres(place, options.clock));
}

/** The place of a state in words: the directory, or `host:port/database, schema penstock`. Shows no secret. */
export function placeInWords(place: StatePlace): string {
  if (place.kind === 'directory') return place.path;
  return `${serverOf(readPostgresUrl(place.url.reveal()))}, schema ${place.schema}`;
}

/** The setting that names the place of a state, for advice. */
export function settingOf({ kind }: StatePlace): 'state.path' | 'state.postgres' {
  return kind === 'directory' ? 'state.path' : 'state.postgres';
}

/** Without a state, one in memory: it reads as empty, and nothing is created. */
async function openBeside(
  place: PostgresPlace,
  options: OpenOptions,
): Promise<JournalView & QuotaJournal & JobJournal> {
  const journal = await onPostgres(options, ({ openPostgresBeside }) =>
    openPostgresBeside({ ...options, place }),
  );
  return journal ?? (await import('./sqlite/memory.ts')).memoryJournal(options.clock);
}

const COMMAND: Patience = { clock: systemClock };

/** `pg` is loaded when it is needed. */
async function onPostgres<T>(options: Patience, work: (postgres: typeof Postgres) => Promise<T>): Promise<T> {
  const postgres = await import('./postgres/open.ts');
  return reached(() => work(postgres), options);
}

function inDirectory({ place }: StateConfig, { clock, log, command }: OpenOptions) {
  const { path, allowNetworkFs } = directoryOf(place);
  return { path, allowNetworkFs, clock, ...(log && { log }), ...(command !== undefined && { command }) };
}

function directoryOf(place: StatePlace): DirectoryPlace {
  if (place.kind === 'directory') return place;
  throw new Error(`${placeInWords(place)} is no directory.`);
}
