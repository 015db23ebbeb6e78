import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { StateFiles } from './files.ts';
import type { Room } from '../journal.ts';
import { freeBytes, sizeInBytes, type Statfs } from './network-fs.ts';

/** Sources that cannot be asked again may go this far over the cap. */
const CRITICAL = 1.25;
/** Bytes that must stay free on the file system, for the log and for whoever else lives there; of a small one, half. */
const RESERVE = 64 * 1024 * 1024;

/** How much the state takes on disk, and whether there is room. Cheap: a few calls of `stat`. */
export class DiskUse {
  readonly #files: StateFiles;
  readonly #cap: number;
  readonly #statfs: Statfs;

  constructor(files: StateFiles, cap: number, statfs: Statfs) {
    this.#files = files;
    this.#cap = cap;
    this.#statfs = statfs;
  }

  /** Database and write-ahead log. */
  bytes(): number {
    return sizeOf(this.#files.database) + sizeOf(this.#files.wal);
  }

  /** `held`: bytes of what waits and is retained, against which the cap is. */
  room(held: number): Room {
    const facts = this.#statfs(dirname(this.#files.database));
    const reserve = Math.min(RESERVE, sizeInBytes(facts) / 2);
    if (held >= this.#cap * CRITICAL || freeBytes(facts) < reserve) return 'critical';
    return held >= this.#cap ? 'full' : 'free';
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
