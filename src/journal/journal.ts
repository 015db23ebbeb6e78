import { PenstockError, StateError } from '../core/errors.ts';
import type { EncodedRecords, Lane } from '../core/event.ts';
import type { Json } from '../core/json.ts';
import type { Quotas } from '../core/http.ts';
import type { Gap, Span } from '../core/source.ts';
import type {
  CoverageStore,
  GapStore,
  LedgerStore,
  LedgerWrite,
  PollRecord,
  PollStore,
  SourceStore,
  StateStore,
  StreamStore,
} from './collection.ts';
import type { DeadLetter, DeadLetterStore, DestinationStore, PageStore, Position } from './delivery.ts';
import type { Leases, Replica, Subject } from './leases.ts';

/**
 * The durable queue between the two loops: what was collected and not yet delivered everywhere, and every cursor, position
 * and quota. It exposes one store for each thing that it keeps; what changes several of them at once is a method of its own.
 * Asynchronous, because a shared database may implement it; each method is one transaction, durable when it resolves.
 * Times are epoch milliseconds.
 *
 * @throws StateError from any method when the state is corrupt, or no longer ours.
 * @throws JournalWriteError from any method when a read or a write failed and can be tried again.
 */
export interface Journal extends AsyncDisposable {
  readonly sources: SourceStore;
  readonly streams: StreamStore;
  readonly ledger: LedgerStore;
  readonly coverage: CoverageStore;
  readonly gaps: GapStore;
  readonly polls: PollStore;
  readonly quotas: Quotas;
  readonly pages: PageStore;
  readonly destinations: DestinationStore;
  readonly deadLetters: DeadLetterStore;
  readonly jobs: JobStore;
  readonly states: StateStore;
  /** Undefined when one process holds the whole state. */
  readonly leases: Leases | undefined;

  /** A page is in the journal with its ledger entries, cursor, coverage and gaps, or it never happened. */
  commit(page: PageCommit): Promise<void>;
  /** Moves a destination's position forward, never back, and stores its response and dead letters with it. */
  acknowledge(destination: string, acknowledgement: Acknowledgement): Promise<void>;

  /** Whether a page may be written: see `Room`. Trims first what may be trimmed. */
  room(now: number): Promise<Room>;
  /** Removes pages that every destination has passed and whose `retain` is over. Small transactions. */
  trim(now: number): Promise<void>;
  stats(): Promise<JournalStats>;
  /** The processes that share the state now, oldest first; none when one process holds it whole. */
  replicas(): Promise<readonly Replica[]>;

  /** @throws StateError when a file of the state was removed or replaced. Every method that writes checks it first. */
  requirePresent(): Promise<void>;
  /** Warns in the log when the state is older than one that was used before in the same place: it is a restored copy. */
  compareLast(): Promise<void>;
  /** Notes how far the state is, for `compareLast`. False: nothing was committed yet, and nothing is noted. */
  noteLast(now: number): Promise<boolean>;
}

/** What reads the state beside the process that holds it, never blocking it and never blocked. */
export interface JournalView extends AsyncDisposable {
  readonly sources: Pick<SourceStore, 'requireSame' | 'nextDue'>;
  readonly streams: Pick<StreamStore, 'all' | 'cursors'>;
  readonly ledger: Pick<LedgerStore, 'lookup' | 'withPrefix'>;
  readonly coverage: CoverageStore;
  readonly gaps: GapStore;
  readonly polls: Pick<PollStore, 'last'>;
  readonly quotas: Pick<Quotas, 'available' | 'pausedUntil'>;
  readonly pages: Pick<PageStore, 'read'>;
  readonly destinations: Pick<DestinationStore, 'all' | 'waiting' | 'oldestWaiting' | 'gaps'>;
  readonly deadLetters: Pick<DeadLetterStore, 'of' | 'find' | 'count' | 'outline'>;
  readonly states: Pick<StateStore, 'all'>;
  stats(): Promise<JournalStats>;
  replicas(): Promise<readonly Replica[]>;
}

/** A view that can also spend quotas: all that `check` and `preview` may write. */
export type QuotaJournal = JournalView & { readonly quotas: Quotas };

/** A view that can also leave jobs for the process that holds the state, and follow them. */
export type JobJournal = JournalView & { readonly jobs: JobStore };

/** What one page changes. Everything that is absent changes nothing. */
export interface PageCommit {
  readonly stream: string;
  readonly source: string;
  readonly observedAt: number;
  /** Default: live. */
  readonly lane?: Lane;
  /** Each becomes a page of the journal, in this order. Often none: the cursor moves without records. */
  readonly records?: readonly EncodedRecords[];
  readonly ledger?: readonly LedgerWrite[];
  /** Long keys are only compared, never read back: a hash of each is enough. A prefix of 32 characters still finds them. */
  readonly hashLongKeys?: boolean;
  /** Ledger entries whose time is before this are forgotten. */
  readonly forgetBefore?: number | undefined;
  /** Spans before `forgetBefore` whose entries are kept. */
  readonly keep?: readonly Span[] | undefined;
  readonly cursor?: unknown;
  /**
   * Completely read with this page. A gap of a response that was too large closes when its span is covered, or when it ends
   * before the end of `covered` and the stream is caught up (`complete`, nothing deferred).
   */
  readonly covered?: Span | undefined;
  /** Emitted as events of this page, or before. */
  readonly gaps?: readonly Gap[];
  /** No event is sent about these yet. */
  readonly unemittedGaps?: readonly Gap[];
  readonly closedGaps?: readonly Gap[];
  /** A complete poll ended with this page: clears the last error. */
  readonly complete?: boolean | undefined;
  /** The poll that ends with this page, so that it needs no transaction of its own. As `polls.record`. */
  readonly poll?: PollRecord | undefined;
  /** Stored in the live lane only. */
  readonly deferred?: number | undefined;
  /** Events that `shape.drop` matched: added to those of the stream. */
  readonly dropped?: number | undefined;
}

/** How far a destination has responded. */
export interface Acknowledgement {
  /** After the last event that it responded to. */
  readonly position: Position;
  /** Its last response in words. */
  readonly response: string;
  readonly now: number;
  /** What it rejected for good before that position. */
  readonly deadLetters?: readonly DeadLetter[];
}

/** Sources that can be read again later stop at `full`, all others at `critical` (1.25 × the cap, or < 64 MiB free). */
export type Room = 'free' | 'full' | 'critical';

export interface JournalStats {
  /** Events that some destination still lacks. */
  readonly events: number;
  /** What it takes on disk: the database with its indexes, and on SQLite the write-ahead log. */
  readonly bytes: number;
  /** Observed time of the oldest page that some destination still lacks. */
  readonly oldest: number | undefined;
}

/** Work that a command leaves for the process that holds the state. It outlives both until it is finished. */
export interface Job {
  readonly kind: 'backfill' | 'replay' | 'retry' | 'rewind';
  /** Names of the source or destination that it is about, where there is one. */
  readonly source: string | undefined;
  readonly destination: string | undefined;
  /** Everything else that the command asked for. */
  readonly details: Json;
}

/** A job as the journal holds it. Times are epoch milliseconds. */
export interface StoredJob extends Job {
  readonly id: number;
  readonly created: number;
  /** How far it is, as last noted by the process that runs it; undefined: it was not started. */
  readonly progress: unknown;
  /** Undefined while it is open. */
  readonly finished: number | undefined;
  /** Its result, once it is finished. */
  readonly outcome: unknown;
}

/** Needs no lock on the state: commands use it beside a daemon. */
export interface JobStore {
  /** Stores a job and returns its id. If an open job asks for the same, that one's id is returned instead. */
  enqueue(job: Job, now: number): Promise<number>;
  /** Those that are not finished, oldest first. */
  open(): Promise<readonly StoredJob[]>;
  find(id: number): Promise<StoredJob | undefined>;
  /**
   * `as`: what the process that works on the job holds for it. On a shared state nothing is written without that hold.
   * @throws LeaseLostError this process does not hold it any more
   */
  noteProgress(id: number, progress: Json, as?: Subject): Promise<void>;
  /** `as`, and what it throws: as `noteProgress`. */
  finish(id: number, outcome: Json, now: number, as?: Subject): Promise<void>;
}

/**
 * A read or a write of the journal failed, and the state is as it was before: no space, an I/O error, a lock that lasted.
 * It can be tried again, so a poll fails and is repeated.
 */
export class JournalWriteError extends PenstockError {
  override readonly name: 'JournalWriteError' | 'LeaseLostError' = 'JournalWriteError';
  readonly blame = 'nobody' as const;
}

/**
 * This replica no longer holds the source or destination that the work is for, or cannot be sure of it, so nothing of it
 * was written. The signal of the hold was aborted before: the work ends as at a stop, and the next holder goes on.
 */
export class LeaseLostError extends JournalWriteError {
  override readonly name = 'LeaseLostError' as const;
  readonly subject: Subject;
  /** In words. */
  readonly why: string;

  constructor(subject: Subject, why: string, options?: ErrorOptions) {
    super(`The lease of ${subject.kind} ${subject.name} was lost: ${why}.`, options);
    this.subject = subject;
    this.why = why;
  }
}

/** The disk of the state is full or fails. This may pass. */
export class StateDiskError extends StateError {}

/** The process that holds a state. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
  /** The command, `run` for a daemon; undefined where it is not known. */
  readonly command?: string | undefined;
}

/** Another process holds the state. It may be able to run a job instead. */
export class StateInUseError extends StateError {
  /** Undefined where it is not known yet. */
  readonly holder: Holder | undefined;

  constructor(message: string, holder: Holder | undefined) {
    super(message);
    this.holder = holder;
  }
}
