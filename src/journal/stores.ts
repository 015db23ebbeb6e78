import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from '../telemetry/log.ts';
import { BudgetStore } from './budget-store.ts';
import { CoverageStore } from './coverage-store.ts';
import { DeadLetterStore } from './dead-letter-store.ts';
import type { DeadLetter } from './dead-letter.ts';
import { DeliveryStore } from './delivery-store.ts';
import { GapStore } from './gap-store.ts';
import type { PageCommit, PollRecord, Position } from './journal.ts';
import { LedgerStore } from './ledger-store.ts';
import { PageStore } from './page-store.ts';
import { PollStore } from './poll-store.ts';
import { RequestStore } from './request-store.ts';
import { SourceStore } from './source-store.ts';
import { StreamStore } from './stream-store.ts';
import { transact } from './transaction.ts';

interface Advance {
  readonly position: Position;
  readonly answer: string;
  readonly now: number;
  readonly deadLetters: readonly DeadLetter[];
}

/** The tables of one database, each with its statements prepared. */
export class Stores {
  readonly sources: SourceStore;
  readonly streams: StreamStore;
  readonly ledger: LedgerStore;
  readonly pages: PageStore;
  readonly coverage: CoverageStore;
  readonly gaps: GapStore;
  readonly polls: PollStore;
  readonly budgets: BudgetStore;
  readonly deliveries: DeliveryStore;
  readonly deadLetters: DeadLetterStore;
  readonly requests: RequestStore;
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync, log?: Logger) {
    this.#database = database;
    this.sources = new SourceStore(database);
    this.streams = new StreamStore(database);
    this.ledger = new LedgerStore(database);
    this.pages = new PageStore(database);
    this.coverage = new CoverageStore(database);
    this.gaps = new GapStore(database);
    this.polls = new PollStore(database);
    this.budgets = new BudgetStore(database, log);
    this.deliveries = new DeliveryStore(database);
    this.deadLetters = new DeadLetterStore(database);
    this.requests = new RequestStore(database);
  }

  /** Events, ledger, cursor, coverage and gaps of a page: all of it, or nothing. */
  commit(page: PageCommit, now: number): void {
    const stream = this.streams.require(page.stream);
    transact(this.#database, () => {
      if (page.events.length > 0) this.pages.append(stream, page, now);
      // What would be forgotten at once need not be written first.
      this.ledger.write(
        stream,
        page.ledger.filter(({ at }) => at >= (page.forgetBefore ?? -Infinity)),
      );
      if (page.forgetBefore !== undefined) this.ledger.forgetBefore(stream, page.forgetBefore);
      this.streams.move(stream, page, now);
      if (page.covered !== undefined) this.coverage.add(stream, page.covered);
      // What this page closes was open before it; what it opens stays open.
      for (const gap of page.closedGaps) this.gaps.close(stream, gap, now);
      for (const gap of page.gaps) this.gaps.open(stream, gap, now);
    });
  }

  /** A destination's new position and what it refused before it: both, or neither. */
  advance(destination: string, { position, answer, now, deadLetters }: Advance): void {
    transact(this.#database, () => {
      for (const letter of deadLetters) this.deadLetters.put(destination, letter);
      this.deliveries.advance(destination, position, answer, now);
    });
  }

  settleDeadLetters(destination: string, taken: readonly number[], refused: readonly DeadLetter[]): void {
    transact(this.#database, () => {
      for (const id of taken) this.deadLetters.remove(destination, id);
      for (const letter of refused) this.deadLetters.put(destination, letter);
    });
  }

  recordPoll(poll: PollRecord): void {
    const stream = this.streams.require(poll.stream);
    transact(this.#database, () => {
      this.polls.add(stream, poll);
      this.streams.noteOutcome(stream, poll);
    });
  }
}
