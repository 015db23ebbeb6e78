import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { JournalWriteError, type Room } from '../journal.ts';
import { type Candidate, CRITICAL, trimBatch } from '../trimming.ts';
import { BUSY_TIMEOUT, type Connection, isFull } from './connection.ts';
import type { SqliteDestinations } from './destinations.ts';
import { freeBytes, sizeInBytes, type StateFiles, type Statfs } from './files.ts';

/**
 * Pages removed in one transaction, and their bytes. Few, so that the log does not grow much (the disk may be full), and
 * that others have their turn soon: SQLite visits each 4 KiB that it frees.
 */
const BATCH = { pages: 100, bytes: 4 * 1024 * 1024 } as const;
/** Pages of the file (4 KiB each) that are given back to the file system at a time, and that are kept for the next commits. */
const VACUUM_STEP = 256;
const KEPT_FREE = 1_024;

/** Removes the oldest pages of the journal, in small transactions with a turn of the event loop between them. */
export class Trimmer {
  readonly #connection: Connection;
  readonly #destinations: SqliteDestinations;
  readonly #retain: number;

  constructor(connection: Connection, destinations: SqliteDestinations, retain: number) {
    this.#connection = connection;
    this.#destinations = destinations;
    this.#retain = retain;
  }

  /** Removes the pages that every destination has passed and that were kept for `retain`. */
  async trim(now: number): Promise<void> {
    while (this.#removeBatch(now, this.#retain)) await turn();
    // The file only becomes shorter when the log is checkpointed.
    if (await this.#giveBackFree()) this.#truncateLog();
  }

  /** Removes pages that every destination has passed, whatever their age, oldest first, until there is `enough` room. */
  async makeRoom(enough: () => boolean, now: number): Promise<void> {
    this.#truncateLog();
    while (!enough() && this.#giveBack(now)) {
      this.#truncateLog();
      await turn();
    }
    await this.#giveBackFree();
    this.#truncateLog();
  }

  /** Whether something was given back. */
  async #giveBackFree(): Promise<boolean> {
    let steps = 0;
    for (; this.#freePages() > KEPT_FREE && this.#tryVacuum(); steps += 1) await turn();
    return steps > 0;
  }

  /** False when the disk is so full that not even space can be given back. */
  #tryVacuum(): boolean {
    try {
      this.#vacuumStep();
      return true;
    } catch (error) {
      if (ranOutOfSpace(error)) return false;
      throw error;
    }
  }

  /** Whether something was given back. On a disk without any space nothing can be removed. */
  #giveBack(now: number): boolean {
    try {
      const more = this.#removeBatch(now, -Infinity);
      if (this.#freePages() === 0) return more;
      this.#vacuumStep();
      return true;
    } catch (error) {
      if (ranOutOfSpace(error)) return false;
      throw error;
    }
  }

  /** Whether there may be more to remove. */
  #removeBatch(now: number, retain: number): boolean {
    try {
      return this.#removeOldest(now, retain, BATCH.pages);
    } catch (error) {
      if (!ranOutOfSpace(error)) throw error;
      this.#truncateLog();
      return this.#removeOldest(now, retain, 1);
    }
  }

  #removeOldest(now: number, retain: number, limit: number): boolean {
    const slowest = this.#destinations.slowest(now);
    if (slowest === undefined) return false;
    const candidates = this.#connection.all<Candidate>(
      `SELECT sequence, count, bytes, committed_at AS committedAt FROM page INDEXED BY page_outline
       ORDER BY sequence LIMIT :limit`,
      { limit },
    );
    const limits = { slowest, committedBy: now - retain, bytes: BATCH.bytes };
    const { last, more } = trimBatch(candidates, limits);
    if (last === undefined) return false;
    this.#connection.run('DELETE FROM page WHERE sequence <= :last', { last });
    return more;
  }

  /** Checkpoints the write-ahead log and gives its space back, unless another process is reading. */
  #truncateLog(): void {
    // Do not wait for a reader in another process: the next call is early enough.
    this.#connection.exec('PRAGMA busy_timeout = 0');
    try {
      this.#connection.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } finally {
      this.#connection.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
    }
  }

  #freePages(): number {
    return this.#connection.first<{ freelist_count: number }>('PRAGMA freelist_count')?.freelist_count ?? 0;
  }

  #vacuumStep(): void {
    this.#connection.exec(`PRAGMA incremental_vacuum(${VACUUM_STEP})`);
  }
}

/** SQLite's own error, or the journal's about it. */
function ranOutOfSpace(error: unknown): boolean {
  return isFull(error) || (error instanceof JournalWriteError && isFull(error.cause));
}

/** Bytes that must stay free on the file system, for the log and for other users of the disk; half of a small one. */
const RESERVE = 64 * 1024 * 1024;

/** How much disk space the state takes, and whether there is room. Cheap: a few calls of `stat`. */
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

  /** `held`: bytes of the pages and dead letters, which the cap limits. */
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
