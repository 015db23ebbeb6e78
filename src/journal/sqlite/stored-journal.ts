import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import type { Span } from '../../core/source.ts';
import type { Logger } from '../../core/log.ts';
import { Changes } from './changes.ts';
import { DiskUse } from './disk-use.ts';
import { translated } from './errors.ts';
import type { DeadLetter } from '../dead-letter.ts';
import type { StateFiles } from './files.ts';
import type { SourceIdentity } from '../../core/stream-key.ts';
import type {
  DeadLetterOutline,
  DestinationState,
  GapState,
  HeldDeadLetter,
  Journal,
  JournalPage,
  JournalStats,
  LedgerEntry,
  LedgerPart,
  PageCommit,
  PollRecord,
  Position,
  Room,
  StreamIdentity,
  StreamState,
} from '../journal.ts';
import { type LedgerSize, NO_PART } from './ledger-store.ts';
import type { Statfs } from './network-fs.ts';
import { LastNote } from './last-note.ts';
import { Presence } from './presence.ts';
import { StoredBacklogs } from './stored-backlogs.ts';
import { quotasOf } from './stored-quotas.ts';
import { Stores } from './stores.ts';
import { Trimmer } from './trimmer.ts';

type Limit = Parameters<Journal['spend']>[1];

/** Seldom chores are done this often, by the clock of who trims. Milliseconds. */
const TIDY_INTERVAL = 60 * 60 * 1000;

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

/** The journal on an open SQLite database. Make it with `openJournal` and its kin (`sqlite-journal.ts`). */
export class StoredJournal extends StoredBacklogs implements Journal {
  readonly quotas = quotasOf(this);
  protected override readonly maxBytes: number;
  readonly #parts: JournalParts;
  readonly #stores: Stores;
  readonly #trimmer: Trimmer;
  readonly #disk: DiskUse;
  /** Of who holds the state; a view is nobody's loss. */
  readonly #presence: Presence | undefined;
  readonly #last: LastNote;
  readonly #changes = new Changes();
  #tidied = -Infinity;

  constructor(parts: JournalParts) {
    super();
    this.maxBytes = parts.maxBytes;
    this.#parts = parts;
    this.#stores = new Stores(parts.database, parts.log);
    this.#trimmer = new Trimmer(parts.database, this.#stores.deliveries, parts.retain);
    this.#disk = new DiskUse(parts.files, parts.maxBytes, parts.statfs);
    this.#presence = parts.lock && new Presence(parts.files);
    this.#last = new LastNote(parts.database, parts.files, this.#stores.deliveries, parts.log);
  }

  openSources(sources: readonly SourceIdentity[]): Promise<void> {
    return this.#do(({ sources: store }) => store.open(sources));
  }

  requireSame(sources: readonly SourceIdentity[]): Promise<void> {
    return this.#do(({ sources: store }) => store.requireSame(sources));
  }

  orphanStreams(source: string, scopes: readonly string[]): Promise<void> {
    return this.#do(({ sources: store }) => store.orphanStreams(source, scopes));
  }

  openStream(identity: StreamIdentity): Promise<StreamState> {
    return this.#do(({ streams }) => streams.open(identity, this.#parts.clock.now()));
  }

  openStreams(identities: readonly StreamIdentity[]): Promise<readonly StreamState[]> {
    return this.#do((stores) => stores.openStreams(identities, this.#parts.clock.now()));
  }

  cursors(source: Omit<SourceIdentity, 'name'>): Promise<ReadonlyMap<string, unknown>> {
    return this.#do(({ streams }) => streams.cursors(source));
  }

  streams(): Promise<readonly StreamState[]> {
    return this.#do(({ streams }) => streams.all());
  }

  ledger(stream: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>> {
    return this.#ofStream(stream, new Map(), (id) => this.#stores.ledger.get(id, keys));
  }

  ledgerByPrefix(stream: string, prefix: string, after?: string): Promise<LedgerPart> {
    return this.#ofStream(stream, NO_PART, (id) => this.#stores.ledger.withPrefix(id, prefix, after));
  }

  ledgerSize(source: string): Promise<LedgerSize> {
    return this.#do(({ ledger }) => ledger.sizeOf(source));
  }

  forgetOldest(source: string, limit: number, reason: string): Promise<readonly string[]> {
    return this.#do((stores) => stores.forgetOldest(source, { limit, reason, now: this.#parts.clock.now() }));
  }

  async commit(page: PageCommit): Promise<void> {
    await this.#do((stores) => {
      this.#presence?.require();
      stores.commit(page, this.#parts.clock.now());
    });
    if (page.events.length > 0) this.#changes.announce();
  }

  coverage(stream: string): Promise<readonly Span[]> {
    return this.#ofStream(stream, [], (id) => this.#stores.coverage.of(id));
  }

  gaps(stream?: string): Promise<readonly GapState[]> {
    if (stream === undefined) return this.#do(({ gaps }) => gaps.of());
    return this.#ofStream(stream, [], (id) => this.#stores.gaps.of(id));
  }

  recordPoll(poll: PollRecord): Promise<void> {
    return this.#do((stores) => stores.recordPoll(poll));
  }

  polls(stream: string, limit: number): Promise<readonly PollRecord[]> {
    return this.#ofStream(stream, [], (id) => this.#stores.polls.last(id, limit));
  }

  setNextDue(source: string, at: number): Promise<void> {
    return this.#do(({ sources }) => sources.setNextDue(source, at));
  }

  nextDue(source: string): Promise<number | undefined> {
    return this.#do(({ sources }) => sources.nextDue(source));
  }

  room(now: number): Promise<Room> {
    return this.#do(async () => {
      this.#presence?.require();
      const room = () => this.#disk.room(this.#stores.heldBytes());
      const before = room();
      if (before === 'free') return before;
      await this.#trimmer.makeRoom(() => room() === 'free', now);
      return room();
    });
  }

  requirePresent(): Promise<void> {
    return this.#do(() => this.#presence?.require());
  }

  compareLast(): Promise<void> {
    return this.#do(() => this.#last.compare());
  }

  noteLast(now: number): Promise<boolean> {
    return this.#do(() => (this.#presence?.isWhole ?? true) && this.#last.write(now));
  }

  spend(budget: string, quota: Limit, now: number): Promise<number> {
    return this.#do(({ budgets }) => {
      this.#presence?.require();
      return budgets.spend(budget, quota, now);
    });
  }

  available(budget: string, quota: Limit, now: number): Promise<number> {
    return this.#do(({ budgets }) => budgets.available(budget, quota, now));
  }

  pauseBudget(budget: string, until: number): Promise<void> {
    return this.#do(({ budgets }) => budgets.pause(budget, until, this.#parts.clock.now()));
  }

  pausedUntil(budget: string): Promise<number> {
    return this.#do(({ budgets }) => budgets.pausedUntil(budget, this.#parts.clock.now()));
  }

  openDestinations(names: readonly string[], now: number): Promise<void> {
    return this.#do(({ deliveries }) => deliveries.open(names, now));
  }

  destinations(): Promise<readonly DestinationState[]> {
    return this.#do(({ deliveries }) => deliveries.all());
  }

  read(position: Position): Promise<JournalPage | undefined> {
    return this.#do(({ pages }) => pages.next(position));
  }

  advance(
    destination: string,
    position: Position,
    answer: string,
    now: number,
    deadLetters: readonly DeadLetter[] = [],
  ): Promise<void> {
    return this.#do((stores) => stores.advance(destination, { position, answer, now, deadLetters }));
  }

  deadLetters(destination?: string): Promise<readonly HeldDeadLetter[]> {
    return this.#do(({ deadLetters }) => deadLetters.of(destination));
  }

  deadLetterBytes(): Promise<number> {
    return this.#do(({ deadLetters }) => deadLetters.bytes());
  }

  deadLetterCount(destination: string): Promise<number> {
    return this.#do(({ deadLetters }) => deadLetters.count(destination));
  }

  deadLetterOutline(destination: string): Promise<DeadLetterOutline> {
    return this.#do(({ deadLetters }) => deadLetters.outline(destination));
  }

  settleDeadLetters(
    destination: string,
    taken: readonly number[],
    refused: readonly DeadLetter[],
  ): Promise<void> {
    return this.#do((stores) => stores.settleDeadLetters(destination, taken, refused));
  }

  setPaused(destination: string, reason: string | undefined, now: number): Promise<void> {
    return this.#do(({ deliveries }) => deliveries.setPaused(destination, reason, now));
  }

  trim(now: number): Promise<void> {
    return this.#do(async ({ deliveries, budgets }) => {
      if (Math.abs(now - this.#tidied) >= TIDY_INTERVAL) {
        deliveries.renew(now);
        budgets.tidy(now);
        this.#tidied = now;
      }
      await this.#trimmer.trim(now);
    });
  }

  changed(signal: AbortSignal, position?: Position): Promise<void> {
    return this.#do(({ pages }) => {
      const already = position !== undefined && pages.outline(position) !== undefined;
      return this.#changes.next(signal, already);
    });
  }

  stats(): Promise<JournalStats> {
    return this.#do((stores) => ({ ...stores.backlog(this.#parts.clock.now()), bytes: this.#disk.bytes() }));
  }

  waiting(destination: string, sources?: readonly string[]): Promise<number> {
    return this.#do((stores) => stores.waiting(destination, sources));
  }

  oldestWaiting(destination: string, sources?: readonly string[]): Promise<number | undefined> {
    return this.#do((stores) => stores.oldestWaiting(destination, sources));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#do(() => {
      using _ = this.#parts.lock;
      if (this.#parts.database.isOpen) this.#parts.database.close();
    });
  }

  /** A stream that was never opened has nothing. */
  #ofStream<T>(key: string, nothing: NoInfer<T>, work: (id: number) => T): Promise<T> {
    return this.#do(({ streams }) => {
      const id = streams.find(key);
      return id === undefined ? nothing : work(id);
    });
  }

  protected override withStores<T>(work: (stores: Stores) => T): Promise<T> {
    return this.#do(work);
  }

  async #do<T>(work: (stores: Stores) => T | Promise<T>): Promise<T> {
    try {
      return await work(this.#stores);
    } catch (error) {
      throw translated(error, this.#parts.files);
    }
  }
}
