import type { Json } from '../core/json.ts';
import { GAP_REASON, type Gap, type LedgerValue, type Span } from '../core/source.ts';
import { within } from '../core/span.ts';
import type { SourceIdentity, StreamNames } from '../core/stream-key.ts';

/*
 * What the journal keeps for the collect loop. Every method is one transaction of its own, durable when it resolves. A
 * stream is named by its key (`streamKey`); one that was never opened has nothing. Times are epoch milliseconds.
 */

export interface SourceStore {
  /**
   * Makes the configured sources known, and marks the streams of all others orphaned, but for those that another
   * replica holds now. What orphaned streams have in the journal is still delivered.
   * @throws StateError when a known name now has another type, origin or account; nothing is written then.
   */
  open(sources: readonly SourceIdentity[]): Promise<void>;
  /** As `open` refuses them, but writes nothing. */
  requireSame(sources: readonly SourceIdentity[]): Promise<void>;
  /** Marks the streams of a source orphaned whose scope is not among these: the vendor or the file no longer has them. */
  orphanStreams(source: string, scopes: readonly string[]): Promise<void>;
  setNextDue(source: string, at: number): Promise<void>;
  nextDue(source: string): Promise<number | undefined>;
}

/** Type of the streams of Penstock's own events: no vendor has them, and nobody polls them. */
export const OWN_TYPE = 'penstock';

/** A stream's identity is source type, normalised origin, account and scope; the name of its source may change. */
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
  /** Entries in its ledger, and about how many bytes they take. */
  readonly ledger: number;
  readonly ledgerBytes: number;
  /** Our clock: when it was first offered. */
  readonly knownSince: number | undefined;
  /** Our clock: when the last poll began that sent a request. */
  readonly asked: number | undefined;
  /** Our clock: when the page was committed that ended its last complete poll. */
  readonly lastComplete: number | undefined;
  /** The end of the last span that was completely read. */
  readonly readUpTo: number | undefined;
  readonly lastError: string | undefined;
  readonly deferred: number;
  /** Events that `shape.drop` matched since the stream is known. */
  readonly dropped: number;
  readonly orphaned: boolean;
}

export interface StreamStore {
  /** Makes the stream known, or gives it to a source of another name. Returns what is stored of it. */
  open(identity: StreamIdentity): Promise<StreamState>;
  /** Opens many streams at once. */
  openAll(identities: readonly StreamIdentity[]): Promise<readonly StreamState[]>;
  /**
   * All but those of Penstock's own events (`OWN_TYPE`). They are read some at a time, and others take their turn between
   * two: a stream that changes meanwhile is as it was or as it is.
   */
  all(): Promise<readonly StreamState[]>;
  /** The cursors of one source's streams by scope; cheap also for a thousand of them. */
  cursors(source: Omit<SourceIdentity, 'name'>): Promise<ReadonlyMap<string, unknown>>;
}

export interface LedgerEntry {
  readonly value: LedgerValue;
  /** Id of the last event about this key; the id of an update follows from it. */
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
  /** The time by which `PageCommit.forgetBefore` forgets it. */
  readonly at: number;
}

/** Entries, and about how many bytes they take. */
export interface LedgerSize {
  readonly entries: number;
  readonly bytes: number;
}

export interface LedgerStore {
  /** What the ledger holds of these keys (at most a page's). */
  lookup(stream: string, keys: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>>;
  /**
   * What it holds of keys with this prefix, some at a time: the first part, or the part after one with this `next`.
   * A key that was stored as a hash does not come back whole: see `PageCommit.hashLongKeys`.
   */
  withPrefix(stream: string, prefix: string, after?: string): Promise<LedgerPart>;
  /** What the ledgers of all streams of a source take. */
  sizeOf(source: string): Promise<LedgerSize>;
  /**
   * Forgets about the oldest entries of a source's ledgers, at most `limit`. For each stream it records what was forgotten
   * as an open, unemitted gap of this reason. Returns the keys of these streams.
   */
  forgetOldest(source: string, limit: number, reason: string): Promise<readonly string[]>;
}

/** Which spans of each stream were completely read. */
export interface CoverageStore {
  /** Disjoint spans that do not touch, in order. */
  of(stream: string): Promise<readonly Span[]>;
}

export interface GapState extends Gap {
  readonly stream: string;
  readonly opened: number;
  readonly closed: number | undefined;
  /** No event about it was sent yet, or not about all of it. */
  readonly unemitted?: true;
}

/**
 * Whether a gap is one that is known and open, so that no event is to be sent about it again. After a response that was
 * too large the cursor stays, so the next poll asks for the same span up to a later end: that is the same gap, grown.
 */
export function isKnownGap(gap: Gap, known: GapState): boolean {
  if (known.closed !== undefined || known.reason !== gap.reason || known.part !== gap.part) return false;
  const overlaps = known.from < gap.to && gap.from < known.to;
  return within(gap, known) || (gap.reason === GAP_REASON.tooLarge && overlaps);
}

/**
 * What is known to be missing. A gap is merged with the open ones of its reason and part that it overlaps or touches, when
 * its page is committed. One that a too large response left closes by itself: see `PageCommit.covered`.
 */
export interface GapStore {
  /** Of one stream, or of all. */
  of(stream?: string): Promise<readonly GapState[]>;
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

/** Polls kept of each stream. */
export const POLLS_KEPT = 50;

export interface PollStore {
  /** Records a poll, in place of what was recorded of it before (by its stream and `at`). See also `PageCommit.poll`. */
  record(poll: PollRecord): Promise<void>;
  /** Newest first. */
  last(stream: string, limit: number): Promise<readonly PollRecord[]>;
}

/** What a running process reports of its sources and destinations; JSON by subject (`source console`). */
export interface StateStore {
  /** Stores what changed: a subject without a value is removed. All of it, or nothing. */
  note(changes: ReadonlyMap<string, Json | undefined>): Promise<void>;
  /** What was reported last, also by a process that has ended. */
  all(): Promise<ReadonlyMap<string, Json>>;
}
