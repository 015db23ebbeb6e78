import type { JournaledEvent, Lane } from '../core/event.ts';
import type { BacklogJournal } from './backlog.ts';
import type { DeadLetter } from './dead-letter.ts';
import type { LedgerSize } from './sqlite/ledger-store.ts';
import type { RequestJournal } from './request.ts';
import type { SeenJournal } from './sqlite/seen-store.ts';
import type { Quotas } from '../core/quota.ts';
import type { SourceIdentity, StreamNames } from '../core/stream-key.ts';
import type { Gap, LedgerValue, Quota, Span } from '../core/source.ts';

/**
 * The durable middle of Penstock: what was collected and not yet delivered everywhere, and every cursor,
 * position and budget. Asynchronous, because a shared database may stand behind it later; each method is one
 * transaction of its own, durable when it resolves. Times are epoch milliseconds.
 *
 * @throws StateError from any method when the store is corrupt, full beyond repair, or no longer ours.
 */
export interface Journal extends RequestJournal, SeenJournal, BacklogJournal, AsyncDisposable {
  // ---- collect
  /**
   * Makes the configured sources known, and marks the streams of all others orphaned: what they journaled still goes out.
   * @throws StateError when a known name now has another type, origin or account; nothing is written then.
   */
  openSources(sources: readonly SourceIdentity[]): Promise<void>;
  /** As `openSources` refuses them, but writes nothing. */
  requireSame(sources: readonly SourceIdentity[]): Promise<void>;
  /** Marks those streams of a source orphaned whose scope is not among these: the vendor or the file no longer has it. */
  orphanStreams(source: string, scopes: readonly string[]): Promise<void>;
  /** Makes the stream known, or adopts it under a new source name. Returns what is stored of it. */
  openStream(identity: StreamIdentity): Promise<StreamState>;
  /** All but those of Penstock's own events (`OWN_TYPE`). */
  streams(): Promise<readonly StreamState[]>;
  /** Makes many streams known at once. Returns what is stored of each. */
  openStreams(identities: readonly StreamIdentity[]): Promise<readonly StreamState[]>;
  /** The cursors of one source's streams by scope, cheap also for a thousand of them. */
  cursors(source: Omit<SourceIdentity, 'name'>): Promise<ReadonlyMap<string, unknown>>;
  /** What the ledger holds of these keys (at most a page's). */
  ledger(stream: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>>;
  /**
   * What it holds of keys with this prefix, some at a time: the first of them, or what follows a part with this `next`.
   * Of a key that was stored as a hash, what is given back is no longer the key: see `PageCommit.hashLongKeys`.
   */
  ledgerByPrefix(stream: string, prefix: string, after?: string): Promise<LedgerPart>;
  /** What the ledgers of all streams of a source take. */
  ledgerSize(source: string): Promise<LedgerSize>;
  /**
   * Forgets about the oldest entries of a source's ledgers, at most `limit`, and says which as open gaps of that reason
   * that no event tells yet, one for each stream. Returns the keys of these streams.
   */
  forgetOldest(source: string, limit: number, reason: string): Promise<readonly string[]>;
  /** A page is in the journal with its ledger entries, cursor, coverage and gaps, or it never happened. */
  commit(page: PageCommit): Promise<void>;
  coverage(stream: string): Promise<readonly Span[]>;
  gaps(stream?: string): Promise<readonly GapState[]>;
  recordPoll(poll: PollRecord): Promise<void>;
  polls(stream: string, limit: number): Promise<readonly PollRecord[]>;
  setNextDue(source: string, at: number): Promise<void>;
  nextDue(source: string): Promise<number | undefined>;
  /** What may still be written: see `Room`. Trims what may be trimmed before it answers. */
  room(now: number): Promise<Room>;

  // ---- the state itself
  /** @throws StateError when a file of the state was removed or replaced. Also looked at before a page or a spending. */
  requirePresent(): Promise<void>;
  /** Warns in the log when the state is older than one that was used before in the same directory. */
  compareLast(): Promise<void>;
  /** Notes how far the state is, for `compareLast`. False: nothing was committed yet, and nothing is noted. */
  noteLast(now: number): Promise<boolean>;

  // ---- budgets
  /**
   * Spends one request of a budget. Returns 0 when it is granted (and durable), else the time at which to ask again,
   * which is the end of its pause when it is paused. `budget` names (origin, credential hash, route). Spendings dated after `now` (our clock went back) do not count
   * beyond one window.
   */
  spend(budget: string, quota: Pick<Quota, 'requests' | 'per'>, now: number): Promise<number>;
  /** How many requests `spend` would grant at `now`; 0 while the budget is paused. */
  available(budget: string, quota: Pick<Quota, 'requests' | 'per'>, now: number): Promise<number>;
  /** A 429 pauses its own budget until then, across restarts. A budget without a quota can be paused too. */
  pauseBudget(budget: string, until: number): Promise<void>;
  /** Epoch ms; 0 when the budget is not paused. */
  pausedUntil(budget: string): Promise<number>;
  /** What HTTP clients spend from. */
  readonly quotas: Quotas;

  // ---- deliver
  /** Makes destinations known (positions begin at the oldest page held). The seven days of those not named begin. */
  openDestinations(names: readonly string[], now: number): Promise<void>;
  destinations(): Promise<readonly DestinationState[]>;
  /** The first page at or after the position, undefined when there is none yet. */
  read(position: Position): Promise<JournalPage | undefined>;
  /** Moves a position forward, never back, with the words of the last answer and what was laid aside on the way. */
  advance(
    destination: string,
    position: Position,
    answer: string,
    now: number,
    deadLetters?: readonly DeadLetter[],
  ): Promise<void>;
  /** Of one destination or of all, oldest first. */
  deadLetters(destination?: string): Promise<readonly HeldDeadLetter[]>;
  /** What the events of all dead letters take, about. */
  deadLetterBytes(): Promise<number>;
  /** How many dead letters a destination has. */
  deadLetterCount(destination: string): Promise<number>;
  /** The dead letters of a destination at a glance. */
  deadLetterOutline(destination: string): Promise<DeadLetterOutline>;
  /** After dead letters were tried again: removes those taken, by id, and notes why others were refused once more. */
  settleDeadLetters(
    destination: string,
    taken: readonly number[],
    refused: readonly DeadLetter[],
  ): Promise<void>;
  /** Marks a destination paused with the reason, or (undefined) going again. */
  setPaused(destination: string, reason: string | undefined, now: number): Promise<void>;
  /** Removes pages that every destination has passed and whose `retain` is over. Small transactions. */
  trim(now: number): Promise<void>;
  /**
   * Resolves when events were committed in this process after the call, or at the signal's abort (no rejection). With
   * the position that was read last it resolves at once when there is a page by now, so that no commit is missed.
   */
  changed(signal: AbortSignal, position?: Position): Promise<void>;
  stats(): Promise<JournalStats>;
  /** Events that this destination has still to be sent; `sources` limits them to what it takes. */
  waiting(destination: string, sources?: readonly string[]): Promise<number>;
  /** When the oldest of these events was read; undefined when there is none. */
  oldestWaiting(destination: string, sources?: readonly string[]): Promise<number | undefined>;
}

/** What reads the state of a daemon beside it, never blocking it and never blocked. */
export type JournalView = AsyncDisposable &
  Pick<
    Journal,
    | 'requireSame'
    | 'streams'
    | 'cursors'
    | 'ledger'
    | 'ledgerByPrefix'
    | 'coverage'
    | 'gaps'
    | 'polls'
    | 'nextDue'
    | 'available'
    | 'pausedUntil'
    | 'destinations'
    | 'deadLetters'
    | 'deadLetterCount'
    | 'deadLetterOutline'
    | 'destinationGaps'
    | 'read'
    | 'stats'
    | 'waiting'
    | 'oldestWaiting'
    | 'seen'
  >;

/** A view that can also spend budgets: all that `check` and `preview` may write. */
export type BudgetJournal = JournalView & Pick<Journal, 'quotas'>;

/** Type of the streams of Penstock's own events, which no vendor has and nobody polls. */
export const OWN_TYPE = 'penstock';

/** A stream's identity is source type, normalised origin, account and scope; its source's name may change. */
export interface StreamIdentity extends StreamNames {
  readonly source: string;
  /** Version of the cursor's schema, so that a later release can migrate it. */
  readonly cursorVersion: number;
}

export interface StreamState extends StreamIdentity {
  /** As `streamKey` makes it. */
  readonly key: string;
  /** JSON, as the source's cursor schema encodes it; undefined before the first page. */
  readonly cursor: unknown;
  /** Entries in its ledger, and the bytes that they take, about. */
  readonly ledger: number;
  readonly ledgerBytes: number;
  /** Our clock: when it was offered first. */
  readonly knownSince: number | undefined;
  /** Our clock: when the last poll began that sent a request. */
  readonly asked: number | undefined;
  /** Our clock: when the page that ended its last complete sweep was committed. */
  readonly lastComplete: number | undefined;
  readonly lastError: string | undefined;
  readonly deferred: number;
  readonly orphaned: boolean;
}

export interface LedgerEntry {
  readonly value: LedgerValue;
  /** uid of the last telling, so that an update's id follows from the one before it. */
  readonly uid: string;
}

/** Some of the entries with a prefix. */
export interface LedgerPart {
  readonly entries: ReadonlyMap<string, LedgerEntry>;
  /** Where the next part begins; undefined when this is the last. */
  readonly next: string | undefined;
}

export interface LedgerWrite extends LedgerEntry {
  readonly key: string;
  /** By which `forgetBefore` forgets. */
  readonly at: number;
}

export type { Lane } from '../core/event.ts';

export interface PageCommit {
  readonly stream: string;
  readonly source: string;
  readonly dataset: string;
  readonly lane: Lane;
  readonly observedAt: number;
  /** Empty is normal: the cursor moves without events. */
  readonly events: readonly JournaledEvent[];
  readonly ledger: readonly LedgerWrite[];
  /** Long keys are only compared, never read back: a hash of each is enough. A prefix of 32 characters still finds them. */
  readonly hashLongKeys?: boolean | undefined;
  readonly forgetBefore?: number | undefined;
  /** What is not forgotten although it is before. */
  readonly keep?: readonly Span[] | undefined;
  /** Undefined keeps the stored one. */
  readonly cursor: unknown;
  readonly covered?: Span | undefined;
  /** Told by events of this page, or before. */
  readonly gaps: readonly Gap[];
  /** No event tells these yet. */
  readonly unemittedGaps?: readonly Gap[] | undefined;
  readonly closedGaps: readonly Gap[];
  /** A complete sweep ended with this page: clears the last error. */
  readonly complete: boolean;
  /** Kept of the live lane only. */
  readonly deferred: number;
}

/** Journaled, not delivered everywhere yet (or retained). */
export interface JournalPage {
  readonly sequence: number;
  readonly stream: string;
  readonly source: string;
  readonly dataset: string;
  readonly lane: Lane;
  readonly observedAt: number;
  readonly events: readonly JournaledEvent[];
}

/** The next event to send: page and index within it. {0, 0} is before everything. */
export interface Position {
  readonly sequence: number;
  readonly offset: number;
}

export interface DestinationState {
  readonly name: string;
  readonly position: Position;
  readonly lastAnswer: string | undefined;
  readonly lastAnswerAt: number | undefined;
  readonly paused: string | undefined;
  /** Paused since then. */
  readonly since: number | undefined;
  /** When it was last named in a configuration; after 7 days it holds back no trimming. */
  readonly seen: number;
}

/** A dead letter as the journal holds it. */
export interface HeldDeadLetter extends DeadLetter {
  readonly id: number;
  /** The source's name of now. */
  readonly source: string;
  readonly destination: string;
}

/** How many dead letters a destination has, since when (epoch ms), and the reason of the last one. */
export interface DeadLetterOutline {
  readonly count: number;
  readonly since: number | undefined;
  readonly lastReason: string | undefined;
}

export interface GapState extends Gap {
  readonly stream: string;
  readonly opened: number;
  readonly closed: number | undefined;
  /** No event tells it yet, or not all of it. */
  readonly unemitted?: true;
}

export interface PollRecord {
  readonly stream: string;
  readonly source: string;
  readonly at: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly rows: number;
  readonly new: number;
  readonly changed: number;
  /** `complete`, `cut` (by a deadline or a stop), or the error's name. */
  readonly outcome: string;
  /** The error in words; kept as the stream's last error. */
  readonly error?: string | undefined;
}

/** Whether there is room: askable sources stop at `full`, the others only at `critical` (1.25 × the cap, or < 64 MiB free). */
export type Room = 'free' | 'full' | 'critical';

export interface JournalStats {
  /** Events that some destination still lacks. */
  readonly events: number;
  /** Database and WAL. */
  readonly bytes: number;
  /** Observed time of the oldest page that some destination still lacks. */
  readonly oldest: number | undefined;
}
