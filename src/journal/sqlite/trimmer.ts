import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import type { DeliveryStore } from './delivery-store.ts';
import { BUSY_TIMEOUT, pragma } from './pragma.ts';
import type { Position } from '../journal.ts';
import { Query } from './query.ts';
import { isFull } from './result-codes.ts';

/** Pages removed in one transaction: the log must not grow by much, since the disk may be full. */
const BATCH = 100;
/** Pages of the file given back to the file system at a time, and kept free for the next commits (4 KiB each). */
const VACUUM_STEP = 256;
const KEPT_FREE = 1_024;

interface Candidate {
  readonly sequence: number;
  readonly count: number;
  readonly committedAt: number;
}

/** Removes pages from the old end of the journal, in small transactions between which others have their turn. */
export class Trimmer {
  readonly #database: DatabaseSync;
  readonly #deliveries: DeliveryStore;
  readonly #retain: number;
  readonly #oldest: Query<Candidate>;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, deliveries: DeliveryStore, retain: number) {
    this.#database = database;
    this.#deliveries = deliveries;
    this.#retain = retain;
    this.#oldest = new Query(
      database,
      `SELECT sequence, count, committed_at AS committedAt FROM journal INDEXED BY journal_outline
       ORDER BY sequence LIMIT :limit`,
    );
    this.#remove = database.prepare('DELETE FROM journal WHERE sequence <= :sequence');
  }

  /** What every destination has passed and was kept for `retain`. */
  async trim(now: number): Promise<void> {
    while (this.#removeBatch(now, this.#retain)) await turn();
    await this.#giveBackFree();
  }

  /** What every destination has passed, whatever its age, oldest first, until `enough` or nothing is left to give. */
  async makeRoom(enough: () => boolean, now: number): Promise<void> {
    this.#truncateLog();
    while (!enough() && this.#giveBack(now)) {
      this.#truncateLog();
      await turn();
    }
    await this.#giveBackFree();
    this.#truncateLog();
  }

  async #giveBackFree(): Promise<void> {
    while (pragma(this.#database, 'freelist_count') > KEPT_FREE && this.#tryVacuum()) await turn();
  }

  /** False: a disk without any space left lets nothing be given back either. */
  #tryVacuum(): boolean {
    try {
      this.#vacuumStep();
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  /** Whether there was something to give back. A disk without any space left lets nothing be removed. */
  #giveBack(now: number): boolean {
    try {
      const more = this.#removeBatch(now, -Infinity);
      if (pragma(this.#database, 'freelist_count') === 0) return more;
      this.#vacuumStep();
      return true;
    } catch (error) {
      if (isFull(error)) return false;
      throw error;
    }
  }

  /** Whether there may be more to remove. */
  #removeBatch(now: number, retain: number): boolean {
    try {
      return this.#removeOldest(now, retain, BATCH);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#truncateLog();
      return this.#removeOldest(now, retain, 1);
    }
  }

  #removeOldest(now: number, retain: number, limit: number): boolean {
    const slowest = this.#deliveries.slowest(now);
    if (slowest === undefined) return false;
    const candidates = this.#oldest.all({ limit });
    const keep = candidates.findIndex((page) => !passed(page, slowest) || page.committedAt > now - retain);
    const last = candidates.at(keep === -1 ? -1 : keep - 1);
    if (keep === 0 || last === undefined) return false;
    this.#remove.run({ sequence: last.sequence });
    return keep === -1;
  }

  /** Folds the write-ahead log into the database and gives its space back, unless someone is reading just now. */
  #truncateLog(): void {
    // A reader beside us must not hold us up: the next time will do.
    this.#database.exec('PRAGMA busy_timeout = 0');
    try {
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
    }
  }

  #vacuumStep(): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_STEP})`);
  }
}

function passed({ sequence, count }: Candidate, position: Position): boolean {
  return sequence < position.sequence || (sequence === position.sequence && count <= position.offset);
}
