import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import { GAP_REASON } from '../../core/source.ts';
import type { Acknowledgement, Journal, JournalStats, PageCommit, Room } from '../journal.ts';
import { caughtUpTo, ledgerChanges } from '../page-changes.ts';
import { SqliteBacklog } from './backlog.ts';
import { Connection } from './connection.ts';
import { SqliteDeadLetters } from './dead-letters.ts';
import { SqliteDestinations } from './destinations.ts';
import { DiskUse, Trimmer } from './room.ts';
import { translated } from './problems.ts';
import type { StateFiles, Statfs } from './files.ts';
import { SqliteCoverage, SqliteGaps } from './gaps.ts';
import { SqliteJobs, SqliteStates } from './jobs.ts';
import { SqliteQuotas } from './quotas.ts';
import { LastNote, Presence } from './guard.ts';
import { SqliteLedger } from './ledger.ts';
import { SqlitePages } from './pages.ts';
import { SqlitePolls } from './polls.ts';
import { SqliteSources, SqliteStreams } from './streams.ts';

/** How often `trim` also renews the configured destinations and forgets old requests, by its `now`. Milliseconds. */
const TIDIED_EVERY = 60 * 60 * 1000;

export interface JournalParts {
  readonly database: DatabaseSync;
  readonly files: StateFiles;
  /** Released when the journal is closed; a view holds none. */
  readonly lock?: Disposable;
  readonly clock: Clock;
  readonly statfs: Statfs;
  readonly maxBytes: number;
  readonly retain: number;
  readonly log?: Logger | undefined;
}

/** The journal on an open SQLite database. The functions of `open.ts` make it. */
export class SqliteJournal implements Journal {
  readonly sources: SqliteSources;
  readonly streams: SqliteStreams;
  readonly ledger: SqliteLedger;
  readonly coverage: SqliteCoverage;
  readonly gaps: SqliteGaps;
  readonly polls: SqlitePolls;
  readonly quotas: SqliteQuotas;
  readonly pages: SqlitePages;
  readonly destinations: SqliteDestinations;
  readonly deadLetters: SqliteDeadLetters;
  readonly jobs: SqliteJobs;
  readonly states: SqliteStates;
  /** One process holds the whole state. */
  readonly leases: undefined;
  readonly #parts: JournalParts;
  readonly #connection: Connection;
  readonly #backlog: SqliteBacklog;
  readonly #trimmer: Trimmer;
  readonly #disk: DiskUse;
  /** Only of the process that holds the state. */
  readonly #presence: Presence | undefined;
  readonly #last: LastNote;
  #tidied = -Infinity;

  constructor(parts: JournalParts) {
    const { database, files, clock, log, maxBytes, retain } = parts;
    this.#parts = parts;
    this.#presence = parts.lock && new Presence(files);
    const connection = new Connection(database, {
      requirePresent: () => this.#presence?.require(),
      translate: (error) => translated(error, files),
    });
    this.#connection = connection;
    this.sources = new SqliteSources(connection);
    this.streams = new SqliteStreams(connection, clock);
    this.coverage = new SqliteCoverage(connection, this.streams);
    this.gaps = new SqliteGaps(connection, this.streams, this.coverage);
    this.ledger = new SqliteLedger(connection, this.streams, this.gaps, clock);
    this.polls = new SqlitePolls(connection, this.streams);
    this.quotas = new SqliteQuotas(connection, clock, log);
    this.#backlog = new SqliteBacklog(connection);
    this.pages = new SqlitePages(connection, this.#backlog);
    this.deadLetters = new SqliteDeadLetters(connection);
    this.destinations = new SqliteDestinations(connection, {
      backlog: this.#backlog,
      deadLetters: this.deadLetters,
      maxBytes,
    });
    this.jobs = new SqliteJobs(connection);
    this.states = new SqliteStates(connection);
    this.#trimmer = new Trimmer(connection, this.destinations, retain);
    this.#disk = new DiskUse(files, maxBytes, parts.statfs);
    this.#last = new LastNote(connection, this.destinations, files, log);
  }

  async commit(page: PageCommit): Promise<void> {
    const stream = this.streams.require(page.stream);
    const appended = this.#connection.transact(() => {
      const now = this.#parts.clock.now();
      const pages = this.pages.append(stream, page, now);
      this.#writeLedger(stream, page);
      this.streams.move(stream, page, now);
      if (page.covered !== undefined) this.coverage.add(stream, page.covered);
      this.#writeGaps(stream, page, now);
      if (page.poll !== undefined) this.polls.write(stream, page.poll);
      return pages;
    });
    this.pages.announce(appended);
  }

  async acknowledge(destination: string, acknowledgement: Acknowledgement): Promise<void> {
    this.destinations.acknowledge(destination, acknowledgement);
  }

  async room(now: number): Promise<Room> {
    this.#presence?.require();
    const room = () => this.#disk.room(this.#heldBytes());
    const before = room();
    if (before === 'free') return before;
    await this.#trimmer.makeRoom(() => room() === 'free', now);
    return room();
  }

  async trim(now: number): Promise<void> {
    if (Math.abs(now - this.#tidied) >= TIDIED_EVERY) {
      this.destinations.renew(now);
      this.quotas.tidy(now);
      this.#tidied = now;
    }
    await this.#trimmer.trim(now);
  }

  async stats(): Promise<JournalStats> {
    const slowest = this.destinations.slowest(this.#parts.clock.now()) ?? { sequence: 0, offset: 0 };
    return {
      events: this.#backlog.waiting(slowest),
      bytes: this.#disk.bytes(),
      oldest: this.#backlog.outline(slowest)?.observedAt,
    };
  }

  async replicas(): Promise<readonly []> {
    return [];
  }

  async requirePresent(): Promise<void> {
    this.#presence?.require();
  }

  async compareLast(): Promise<void> {
    this.#last.compare();
  }

  async noteLast(now: number): Promise<boolean> {
    return (this.#presence?.isWhole ?? true) && this.#last.write(now);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _ = this.#parts.lock;
    this.#connection.close();
  }

  #writeLedger(stream: number, page: PageCommit): void {
    const { kept, forgotten } = ledgerChanges(page);
    this.ledger.write(stream, kept, page.hashLongKeys ?? false);
    for (const span of forgotten) this.ledger.forget(stream, span);
  }

  #writeGaps(stream: number, page: PageCommit, now: number): void {
    const { gaps = [], unemittedGaps = [], closedGaps = [], forgetBefore, covered } = page;
    // What this page closes was open before it; what it opens stays open.
    for (const gap of closedGaps) this.gaps.close(stream, gap, now);
    if (covered !== undefined) this.gaps.closeCovered(stream, GAP_REASON.tooLarge, caughtUpTo(page), now);
    for (const gap of gaps) this.gaps.open(stream, gap, { now, emitted: true });
    for (const gap of unemittedGaps) this.gaps.open(stream, gap, { now, emitted: false });
    if (forgetBefore !== undefined) this.gaps.closeBefore(stream, GAP_REASON.ledgerFull, forgetBefore, now);
  }

  /** What pages and dead letters take: what waits, and what is retained. Bytes, about. */
  #heldBytes(): number {
    return this.#connection.first<{ bytes: number }>('SELECT sum(bytes) AS bytes FROM held')?.bytes ?? 0;
  }
}
