import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { JournalPage } from '../delivery.ts';
import type { Acknowledgement, Journal, JournalStats, PageCommit, Room } from '../journal.ts';
import type { Replica } from '../leases.ts';
import { ledgerChanges } from '../page-changes.ts';
import { ROW } from '../packing.ts';
import { PostgresBacklog } from './backlog.ts';
import { PostgresCoverage } from './coverage.ts';
import type { Database, Transaction } from './database.ts';
import { PostgresDeadLetters } from './dead-letters.ts';
import { PostgresDestinations } from './destinations.ts';
import { PostgresGaps } from './gaps.ts';
import { PostgresJobs } from './jobs.ts';
import { PostgresLedger } from './ledger.ts';
import { type PostgresLeases, replicasIn } from './leases.ts';
import { PostgresPages } from './pages.ts';
import { PostgresPolls } from './polls.ts';
import { PostgresQuotas } from './quotas.ts';
import { PostgresRoom } from './room.ts';
import { PostgresSources } from './sources.ts';
import { PostgresStates } from './states.ts';
import { PostgresStreams } from './streams.ts';

/** How often `trim` also renews the configured destinations and forgets old requests, by its `now`. Milliseconds. */
const TIDIED_EVERY = 60 * 60 * 1000;

export interface JournalParts {
  readonly database: Database;
  /** Only of a process that holds what it works on. */
  readonly leases?: PostgresLeases | undefined;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly retain: number;
  /** See `PostgresQuotas`. */
  readonly quotaTime: 'database' | 'caller';
  readonly log?: Logger | undefined;
}

/** The journal on a PostgreSQL database, beside other replicas. The functions of `open.ts` make it. */
export class PostgresJournal implements Journal {
  readonly sources: PostgresSources;
  readonly streams: PostgresStreams;
  readonly ledger: PostgresLedger;
  readonly coverage: PostgresCoverage;
  readonly gaps: PostgresGaps;
  readonly polls: PostgresPolls;
  readonly quotas: PostgresQuotas;
  readonly pages: PostgresPages;
  readonly destinations: PostgresDestinations;
  readonly deadLetters: PostgresDeadLetters;
  readonly jobs: PostgresJobs;
  readonly states: PostgresStates;
  readonly leases: PostgresLeases | undefined;
  readonly #parts: JournalParts;
  readonly #backlog: PostgresBacklog;
  readonly #room: PostgresRoom;
  #tidied = -Infinity;

  constructor(parts: JournalParts) {
    const { database, clock, leases, quotaTime, log, maxBytes } = parts;
    this.#parts = parts;
    this.leases = leases;
    this.sources = new PostgresSources(database);
    this.streams = new PostgresStreams(database, clock);
    this.coverage = new PostgresCoverage(database);
    this.gaps = new PostgresGaps(database);
    this.ledger = new PostgresLedger(database, this.gaps, clock);
    this.polls = new PostgresPolls(database, this.streams);
    this.quotas = new PostgresQuotas(database, clock, quotaTime, log);
    this.pages = new PostgresPages(database, clock);
    this.deadLetters = new PostgresDeadLetters(database);
    this.#backlog = new PostgresBacklog(database);
    this.destinations = new PostgresDestinations(database, {
      backlog: this.#backlog,
      deadLetters: this.deadLetters,
      maxBytes,
      seen: this.pages.seen,
      leases,
    });
    this.jobs = new PostgresJobs(database);
    this.states = new PostgresStates(database, leases?.replica.id);
    this.#room = new PostgresRoom(database, this.destinations, parts);
    leases?.onBehind(() => this.pages.forgetRead());
  }

  async commit(page: PageCommit): Promise<void> {
    const stream = await this.streams.idOf(page.source, page.stream);
    const now = this.#parts.clock.now();
    const subject = { kind: 'source', name: page.source } as const;
    const appended = await this.#parts.database.fenced(subject, (transaction) =>
      this.#write(transaction, stream, page, now),
    );
    this.pages.announce(appended);
    this.#room.appended(appended.reduce((sum, { bytes }) => sum + bytes.length + ROW, 0));
    const last = appended.at(-1);
    if (last !== undefined) this.leases?.sawHead(last.sequence);
  }

  async acknowledge(destination: string, acknowledgement: Acknowledgement): Promise<void> {
    await this.destinations.acknowledge(destination, acknowledgement);
  }

  async room(now: number): Promise<Room> {
    const room = await this.#room.room(now);
    if (room !== 'free') this.pages.forgetAhead();
    return room;
  }

  async trim(now: number): Promise<void> {
    if (Math.abs(now - this.#tidied) >= TIDIED_EVERY) {
      await this.destinations.renew(now);
      await this.quotas.tidy(now);
      this.#tidied = now;
    }
    await this.#room.trim(now);
    this.pages.forgetAhead();
  }

  async stats(): Promise<JournalStats> {
    const slowest = (await this.destinations.slowest(this.#parts.clock.now())) ?? { sequence: 0, offset: 0 };
    const [events, bytes, outline] = await Promise.all([
      this.#backlog.waiting(slowest),
      this.#room.bytes(),
      this.#backlog.outline(slowest),
    ]);
    return { events, bytes, oldest: outline?.observedAt };
  }

  replicas(): Promise<readonly Replica[]> {
    return replicasIn(this.#parts.database);
  }

  /** Every statement says by itself when the tables are not there. */
  async requirePresent(): Promise<void> {}

  /** Nothing is noted beside the database: while a process runs, its leases show that the database went back. */
  async compareLast(): Promise<void> {}

  async noteLast(): Promise<boolean> {
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.pages[Symbol.dispose]();
    try {
      await this.leases?.close();
    } finally {
      await this.#parts.database[Symbol.asyncDispose]();
    }
  }

  /** All statements are sent at once, the last of them with COMMIT. They lock in one order: lease, stream, head. */
  async #write(
    transaction: Transaction,
    stream: number,
    page: PageCommit,
    now: number,
  ): Promise<readonly JournalPage[]> {
    const { covered, poll, hashLongKeys = false } = page;
    const { kept, forgotten } = ledgerChanges(page);
    const writes = [
      this.streams.move(transaction, stream, page, now),
      this.ledger.write(transaction, stream, kept, hashLongKeys),
      this.ledger.forget(transaction, stream, forgotten),
      covered && this.coverage.add(transaction, stream, covered),
      this.gaps.change(transaction, stream, page, now),
      poll && this.polls.write(transaction, stream, poll),
    ];
    const [appended] = await Promise.all([this.pages.append(transaction, stream, page, now), ...writes]);
    return appended;
  }
}
