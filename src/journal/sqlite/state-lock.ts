import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { createFile, type StateFiles } from './files.ts';
import { currentHolder, noteHolder } from './holder.ts';
import { isBusy, isCorrupt } from './result-codes.ts';
import { APPLICATION_ID } from './schema.ts';
import { corrupt, locked } from './state-problems.ts';

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
