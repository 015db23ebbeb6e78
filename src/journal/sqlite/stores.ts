import type { DatabaseSync } from 'node:sqlite';
import type { Logger } from '../../core/log.ts';
import type { Skip } from '../backlog.ts';
import type { BacklogLimit } from '../../config/types.ts';
import { BudgetStore } from './budget-store.ts';
import { CoverageStore } from './coverage-store.ts';
import { DeadLetterStore } from './dead-letter-store.ts';
import type { DeadLetter } from '../dead-letter.ts';
import { DeliveryStore } from './delivery-store.ts';
import { DestinationGapStore } from './destination-gap-store.ts';
import { GapStore } from './gap-store.ts';
import type {
  JournalStats,
  PageCommit,
  PollRecord,
  Position,
  StreamIdentity,
  StreamState,
} from '../journal.ts';
import { GAP_REASON, type Gap, type Span } from '../../core/source.ts';
import { LedgerStore } from './ledger-store.ts';
import { PageStore } from './page-store.ts';
import { PollStore } from './poll-store.ts';
import { Query } from './query.ts';
import { RequestStore } from './request-store.ts';
import { SeenStore } from './seen-store.ts';
import { SourceStore } from './source-store.ts';
import { uncovered } from '../../core/span.ts';
import { StreamStore } from './stream-store.ts';
import { transact } from './transaction.ts';

interface Advance {
  readonly position: Position;
  readonly answer: string;
  readonly now: number;
  readonly deadLetters: readonly DeadLetter[];
}

interface Forgetting {
  readonly limit: number;
  readonly reason: string;
  readonly now: number;
}

const START: Position = { sequence: 0, offset: 0 };

/** Entries that are this part of the oldest one's age younger than it are as old. */
const AGE_STEP = 1 / 20;

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
  readonly destinationGaps: DestinationGapStore;
  readonly deadLetters: DeadLetterStore;
  readonly requests: RequestStore;
  readonly seen: SeenStore;
  readonly #database: DatabaseSync;
  readonly #held: Query<{ bytes: number }>;

  constructor(database: DatabaseSync, log?: Logger) {
    this.#database = database;
    this.#held = new Query(database, 'SELECT sum(bytes) AS bytes FROM held');
    this.sources = new SourceStore(database);
    this.streams = new StreamStore(database);
    this.ledger = new LedgerStore(database);
    this.pages = new PageStore(database);
    this.coverage = new CoverageStore(database);
    this.gaps = new GapStore(database);
    this.polls = new PollStore(database);
    this.budgets = new BudgetStore(database, log);
    this.deliveries = new DeliveryStore(database);
    this.destinationGaps = new DestinationGapStore(database);
    this.deadLetters = new DeadLetterStore(database);
    this.requests = new RequestStore(database);
    this.seen = new SeenStore(database);
  }

  /** Events, ledger, cursor, coverage and gaps of a page: all of it, or nothing. */
  commit(page: PageCommit, now: number): void {
    const stream = this.streams.require(page.stream);
    transact(this.#database, () => {
      if (page.events.length > 0) this.pages.append(stream, page, now);
      // What would be forgotten at once need not be written first.
      const forgotten = forgottenBy(page);
      const isForgotten = (at: number) => forgotten.some(({ from, to }) => from <= at && at < to);
      this.ledger.write(
        stream,
        page.ledger.filter(({ at }) => !isForgotten(at)),
        page.hashLongKeys ?? false,
      );
      for (const span of forgotten) this.ledger.forget(stream, span);
      this.streams.move(stream, page, now);
      if (page.covered !== undefined) this.coverage.add(stream, page.covered);
      // What this page closes was open before it; what it opens stays open.
      for (const gap of page.closedGaps) this.gaps.close(stream, gap, now);
      for (const gap of page.gaps) this.gaps.open(stream, gap, { now, told: true });
      for (const gap of page.unemittedGaps ?? []) this.gaps.open(stream, gap, { now, told: false });
      if (page.forgetBefore !== undefined)
        this.gaps.closeBefore(stream, GAP_REASON.ledgerFull, page.forgetBefore, now);
    });
  }

  openStreams(identities: readonly StreamIdentity[], now: number): readonly StreamState[] {
    return transact(this.#database, () => identities.map((identity) => this.streams.open(identity, now)));
  }

  /** What some destination still lacks. */
  backlog(now: number): Pick<JournalStats, 'events' | 'oldest'> {
    const slowest = this.deliveries.slowest(now) ?? START;
    return { events: this.pages.waiting(slowest), oldest: this.pages.outline(slowest)?.observedAt };
  }

  waiting(destination: string, sources?: readonly string[]): number {
    return this.pages.waiting(this.deliveries.find(destination)?.position ?? START, sources);
  }

  /** When the oldest event was read that this destination lacks. Epoch ms; undefined: it lacks none. */
  oldestWaiting(destination: string, sources?: readonly string[]): number | undefined {
    return this.pages.oldest(this.deliveries.find(destination)?.position ?? START, sources);
  }

  /** What pages and dead letters take: what waits, and what is retained. Bytes, about. */
  heldBytes(): number {
    return this.#held.first()?.bytes ?? 0;
  }

  /** See `Journal.forgetOldest`. */
  forgetOldest(source: string, { limit, reason, now }: Forgetting): readonly string[] {
    return transact(this.#database, () => {
      const ages = this.streams.ledgerAges(source);
      const oldest = ages.reduce((least, { at }) => Math.min(least, at), Infinity);
      // Not one by one, where many streams have entries of about one age.
      const until = oldest + Math.max(0, now - oldest) * AGE_STEP;
      const shortened: string[] = [];
      let left = limit;
      for (const { id, key, at } of ages) {
        if (left <= 0 || at > until) continue;
        const forgotten = this.ledger.forgetOldest(id, until, left);
        if (forgotten === undefined) continue;
        left -= forgotten.entries;
        this.gaps.extend(id, gapOf(forgotten, reason, now), now);
        shortened.push(key);
      }
      return shortened;
    });
  }

  /** A destination's new position and what it refused before it: both, or neither. */
  advance(destination: string, { position, answer, now, deadLetters }: Advance): void {
    transact(this.#database, () => {
      for (const letter of deadLetters) this.deadLetters.put(destination, letter);
      this.deliveries.advance(destination, position, answer, now);
    });
  }

  /** See `BacklogJournal.backlogBeyond`. `cap`: bytes that no backlog may exceed. */
  backlogBeyond(
    destination: string,
    limit: BacklogLimit & { readonly cap: number },
    now: number,
    sources?: readonly string[],
  ): Position | undefined {
    const { cap } = limit;
    const most =
      'bytes' in limit
        ? { bytes: Math.min(cap, limit.bytes), before: 0 }
        : { bytes: cap, before: now - limit.age };
    const position = this.deliveries.find(destination)?.position ?? START;
    const last = this.pages.beyond(position, most, sources);
    return last === undefined ? undefined : { sequence: last + 1, offset: 0 };
  }

  /** A destination's position behind what it is not sent, its gap, and what it refused before: all of it, or nothing. */
  skip(destination: string, { position, missed, deadLetters }: Skip, now: number): boolean {
    return transact(this.#database, () => {
      for (const letter of deadLetters) this.deadLetters.put(destination, letter);
      this.deliveries.pass(destination, position);
      return missed !== undefined && this.destinationGaps.add(destination, missed, now);
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

function forgottenBy({ forgetBefore, keep = [] }: PageCommit): readonly Span[] {
  return forgetBefore === undefined ? [] : uncovered({ from: -Infinity, to: forgetBefore }, keep);
}

/** Some entries are dated far ahead, so that they are kept long: what is said of them ends now. */
function gapOf({ from, to }: Span, reason: string, now: number): Gap {
  return { from: Math.min(from, now), to: Math.min(to, now), reason, part: '' };
}
