import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import { explain } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { isBefore } from '../delivery.ts';
import type { Holder } from '../journal.ts';
import { type Connection, isBusy, isCorrupt } from './connection.ts';
import type { SqliteDestinations } from './destinations.ts';
import { createFile, replaceFile, type StateFiles } from './files.ts';
import { corrupt, locked, lockReplaced, logReplaced, replaced } from './problems.ts';
import { APPLICATION_ID } from './schema.ts';

/** Long enough for a killed holder to be gone, and for a `check` that creates the first database. Milliseconds. */
const LOCK_TIMEOUT = 1_000;

/**
 * The lock on a state: an open exclusive transaction on a small database of its own. It ends with its process, even after a
 * kill, and readers of the state do not wait for it. (A pid file cannot do this: in containers every process is pid 1.)
 */
export class StateLock implements Disposable {
  readonly #database: DatabaseSync;
  readonly #files: StateFiles;
  #note: Disposable | undefined;

  private constructor(database: DatabaseSync, files: StateFiles) {
    this.#database = database;
    this.#files = files;
  }

  /**
   * @throws StateInUseError when another process holds it (the message says which).
   * @throws StateError when the file is not a lock of Penstock.
   */
  static take(files: StateFiles): StateLock {
    if (!existsSync(files.lock)) createFile(files.lock);
    const database = new DatabaseSync(files.lock, { timeout: LOCK_TIMEOUT });
    try {
      // Keeps the lock across the commit of `markComplete`.
      database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (isBusy(error)) throw locked(files.directory, currentHolder(files));
      if (isCorrupt(error)) throw corrupt(files.lock, 'it is not a lock file of Penstock', error);
      throw error;
    }
    return new StateLock(database, files);
  }

  /**
   * Marks that the database was completely created, so that a directory that lost its database is not mistaken for a first
   * run. Until then the lock file is empty.
   */
  markComplete(): void {
    if (this.#isMarked()) return;
    this.#database.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1; COMMIT; BEGIN EXCLUSIVE`,
    );
  }

  /** Notes which command holds the state. `now`: epoch ms. */
  note(command: string | undefined, now: number): void {
    this.#note = noteHolder(this.#files, command, now);
  }

  [Symbol.dispose](): void {
    this.#note?.[Symbol.dispose]();
    this.#database.close();
  }

  #isMarked(): boolean {
    return this.#database.prepare('PRAGMA user_version').get()?.['user_version'] === 1;
  }
}

/**
 * Notes which process holds the state, for the error of a second one. It is a file beside the database, because the
 * database may not exist yet. If it cannot be written, that error only says less. Disposing removes the note.
 */
export function noteHolder({ holder }: StateFiles, command: string | undefined, now: number): Disposable {
  const noted: Holder = { host: hostname(), pid: process.pid, since: new Date(now).toISOString(), command };
  const content = `${JSON.stringify(noted)}\n`;
  attempt(() => replaceFile(holder, content));
  return {
    [Symbol.dispose]: () =>
      attempt(() => {
        if (readFileSync(holder, 'utf8') === content) rmSync(holder);
      }),
  };
}

/** A failure here (a full disk, a removed directory) also shows in the writes that matter. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // The error of a second process says less.
  }
}

/** The last process that noted itself. It holds the lock, except in the instant after the lock was taken. */
export function currentHolder({ holder }: StateFiles): Holder | undefined {
  try {
    return JSON.parse(readFileSync(holder, 'utf8')) as Holder;
  } catch {
    // No process has noted itself, or the note could not be written.
    return undefined;
  }
}

/**
 * Whether the files of a state are still those that this process has open. Writes to a removed or replaced file succeed, and
 * are lost when the process ends; without the lock file, a second process could take the state.
 */
export class Presence {
  readonly #files: StateFiles;
  readonly #inodes: ReadonlyMap<string, number | undefined>;

  /** The files must be open, so that no other file can get one of their inodes. */
  constructor(files: StateFiles) {
    this.#files = files;
    const { database, wal, shm, lock } = files;
    this.#inodes = new Map([database, wal, shm, lock].map((path) => [path, inodeOf(path)]));
  }

  /**
   * Cheap: four calls of `stat`.
   * @throws StateError when a file was removed or replaced
   */
  require(): void {
    const { database, wal, shm, lock } = this.#files;
    if (this.#isGone(database)) throw replaced(database);
    for (const path of [wal, shm]) if (this.#isGone(path)) throw logReplaced(path);
    if (this.#isGone(lock)) throw lockReplaced(lock);
  }

  get isWhole(): boolean {
    return ![...this.#inodes.keys()].some((path) => this.#isGone(path));
  }

  #isGone(path: string): boolean {
    return inodeOf(path) !== this.#inodes.get(path);
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

const position = z.object({ sequence: z.int(), offset: z.int() });

/** `penstock.last`: how far the state was when the file was written. */
const Noted = z.object({
  /** Of the last committed page. */
  sequence: z.int(),
  /** The position of each destination. */
  destinations: z.record(z.string(), position),
  /** RFC 3339. */
  written: z.string(),
});

type Noted = z.output<typeof Noted>;

/**
 * Notes beside the database how far the state is, so that a database restored from an older copy is detected. Whatever the
 * note says, and whatever happens to it, leads to a warning at most.
 */
export class LastNote {
  readonly #connection: Connection;
  readonly #destinations: SqliteDestinations;
  readonly #files: StateFiles;
  readonly #log: Logger | undefined;
  #failing = false;

  constructor(connection: Connection, destinations: SqliteDestinations, files: StateFiles, log?: Logger) {
    this.#connection = connection;
    this.#destinations = destinations;
    this.#files = files;
    this.#log = log;
  }

  /** Warns when the state is behind the note. */
  compare(): void {
    const noted = this.#read();
    if (noted === undefined) return;
    const { sequence, destinations } = this.#current();
    const behind = Object.entries(noted.destinations).flatMap(([name, was]) => {
      const is = destinations[name];
      return is !== undefined && isBefore(is, was) ? [{ destination: name, is, was }] : [];
    });
    if (sequence >= noted.sequence && behind.length === 0) return;
    const fields = { last_sequence: { is: sequence, was: noted.sequence }, behind, noted: noted.written };
    this.#log?.warn(
      { penstock: fields },
      'The state is older than one that was used here: it was restored from a copy, or its write-ahead log was removed. Events since then are read and sent again: creations with the same ids, updates and counters with new ones. Sums of `delta` count them twice; see "Restore a copy" in docs/operate.md.',
    );
  }

  /** Writes the note. Returns false when nothing was ever committed. `now`: epoch ms. */
  write(now: number): boolean {
    try {
      const current = this.#current();
      if (current.sequence === 0) return false;
      const noted: Noted = { ...current, written: new Date(now).toISOString() };
      replaceFile(this.#files.last, `${JSON.stringify(noted)}\n`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.#log?.warn({ err: error }, 'penstock.last could not be written; next attempt in a minute.');
      }
      this.#failing = true;
    }
    return true;
  }

  #current(): Omit<Noted, 'written'> {
    const last = this.#connection.first<{ sequence: number }>(
      "SELECT seq AS sequence FROM sqlite_sequence WHERE name = 'page'",
    );
    return {
      sequence: last?.sequence ?? 0,
      destinations: Object.fromEntries(
        this.#destinations.states().map(({ name, position: at }) => [name, at]),
      ),
    };
  }

  #read(): Noted | undefined {
    try {
      return Noted.parse(JSON.parse(readFileSync(this.#files.last, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log?.warn(
          { error: { message: explain(error) } },
          'penstock.last could not be read, so it is not known whether the state is an older copy.',
        );
      return undefined;
    }
  }
}
