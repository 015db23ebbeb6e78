import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { explain } from '../../core/errors.ts';
import type { Logger } from '../../core/log.ts';
import { isBefore } from '../delivery.ts';
import type { Holder } from '../journal.ts';
import { type Connection, isBusy, isCorrupt } from './connection.ts';
import type { SqliteDestinations } from './destinations.ts';
import { createFile, replaceFile, type StateFiles } from './files.ts';
import { corrupt, locked, lockReplaced, logReplaced, replaced } from './problems.ts';
import { APPLICATION_ID } from './schema.ts';

/** Milliseconds: long enough for a killed holder to be gone, and for a `check` that makes the first database. */
const PATIENCE = 1_000;

/**
 * The lock on a state: an open exclusive transaction on a small database of its own. It ends with its process however
 * that ends, and readers of the state never meet it. (Pid files cannot do this: in containers every process is pid 1.)
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
   * @throws StateError when the file is no lock of ours.
   */
  static take(files: StateFiles): StateLock {
    if (!existsSync(files.lock)) createFile(files.lock);
    const database = new DatabaseSync(files.lock, { timeout: PATIENCE });
    try {
      // Keeps the lock over the commit of `markComplete`.
      database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (isBusy(error)) throw locked(files.directory, currentHolder(files));
      if (isCorrupt(error)) throw corrupt(files.lock, 'the lock file is not one of ours', error);
      throw error;
    }
    return new StateLock(database, files);
  }

  /**
   * Notes that the database was completely made, so that a directory that loses it is told from a first run. The lock
   * file is empty until then.
   */
  markComplete(): void {
    if (this.#isMarked()) return;
    this.#database.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = 1; COMMIT; BEGIN EXCLUSIVE`,
    );
  }

  /** Says who holds it, by the name of its command. `now`: epoch ms. */
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
 * Notes who holds the state, for whoever comes second: beside the database, since the database may still have to be made.
 * Only words are lost where it cannot be noted. Disposing takes the note back.
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

/** What fails here (a full disk, a directory that was removed) is found where something is written that matters. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // Whoever comes second is told less.
  }
}

/** Who noted itself last: whoever holds the lock, except in the instant after it was taken. */
export function currentHolder({ holder }: StateFiles): Holder | undefined {
  try {
    return JSON.parse(readFileSync(holder, 'utf8')) as Holder;
  } catch {
    // Nobody has noted itself yet, or could.
    return undefined;
  }
}

/**
 * The files of a state that this process holds open. One that is removed or replaced still takes what is written to it,
 * and loses it with its last handle; without the lock file, another process could take the state as well.
 */
export class Presence {
  readonly #files: StateFiles;
  readonly #inodes: ReadonlyMap<string, number | undefined>;

  /** `files` are open, so that none of their inodes can become another file's. */
  constructor(files: StateFiles) {
    this.#files = files;
    const { database, wal, shm, lock } = files;
    this.#inodes = new Map([database, wal, shm, lock].map((path) => [path, inodeOf(path)]));
  }

  /**
   * Cheap: four calls of `stat`.
   * @throws StateError
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

/** `penstock.last`: how far a state was when it was written. */
const Noted = z.object({
  /** Of the last page that was committed. */
  sequence: z.int(),
  /** What each destination had answered for. */
  destinations: z.record(z.string(), position),
  /** RFC 3339. */
  written: z.string(),
});

type Noted = z.output<typeof Noted>;

/**
 * Notes beside the database how far the state is, by which a database that was restored from an older copy is known. It
 * is a note only: what it says, and whatever happens to it, is a warning at most.
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

  /** Warns when the state is behind what was noted of it. */
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
      'The state is older than one that was used here: it was restored from a copy, or its write-ahead log was removed. What was read since is read and sent again: creations under the same ids, updates and counters under other ones. Sums of `delta` count it twice; see "Restore a copy" in the README.',
    );
  }

  /** Writes the note; false where nothing was ever committed. `now`: epoch ms. */
  write(now: number): boolean {
    try {
      const current = this.#current();
      if (current.sequence === 0) return false;
      const noted: Noted = { ...current, written: new Date(now).toISOString() };
      replaceFile(this.#files.last, `${JSON.stringify(noted)}\n`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.#log?.warn(
          { err: error },
          'How far the state is could not be noted in penstock.last; it is tried again in a minute.',
        );
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
          'penstock.last cannot be read: whether the state was restored from an older copy is not known.',
        );
      return undefined;
    }
  }
}
