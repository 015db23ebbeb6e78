import { statSync } from 'node:fs';
import type { StateFiles } from './files.ts';
import { lockReplaced, logReplaced, replaced } from './state-problems.ts';

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
