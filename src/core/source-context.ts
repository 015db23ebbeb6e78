import type { Http } from './http.ts';
import type { Json } from './json.ts';
import type { Logger } from './log.ts';
import type { Span } from './span.ts';

/** A part of a source with a cursor of its own: a tenant, or a project and type. */
export interface Scope {
  /** The vendor's canonical id; '' when the stream is all of the source. */
  readonly id: string;
  readonly name?: string;
  /** What this turn of `poll` is to do, where a source cuts a poll into parts. Passed on to `poll`, never stored. */
  readonly task?: unknown;
}

/** What a source gets for one poll of all its streams. It MUST use nothing else: no clock, no network, no environment. */
export interface SourceContext<Options> {
  readonly options: Options;
  readonly http: Http;
  readonly log: Logger;
  /** The vendor's clock, epoch ms: our clock, corrected by the `Date` header of the vendor's last answer. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** `run`: the source is polled again when it is next due. `once`: the process ends after this poll. */
  readonly mode: 'run' | 'once';
  /** The stored cursors of the source's streams, encoded, by scope id: for a source that schedules across its streams. */
  cursors(): Promise<ReadonlyMap<string, unknown>>;
  /** Lives as long as the process, one for each source: caches, one-time warnings. Results MUST NOT depend on it. */
  readonly memo: Map<string, unknown>;
}

/** A `SourceContext` for one stream. */
export interface StreamContext<Options> extends SourceContext<Options> {
  readonly scope: Scope;
  /** What the ledger holds of these keys (at most a page of them). Keys that it does not hold are absent. */
  known(keys: readonly string[]): Promise<ReadonlyMap<string, LedgerValue>>;
  /** What the ledger holds of all keys with this prefix, some at a time: to close the counters of a bucket. */
  ledger(prefix: string): AsyncIterable<ReadonlyMap<string, LedgerValue>>;
  /** The spans that were read completely: merged, in order. */
  coverage(): Promise<readonly Span[]>;
}

/**
 * What the ledger keeps of a key. Mutable streams: the values by which a record is the same or changed, by name.
 * Counters: `count`, which alone is compared, and what a later event of the series needs. The pipeline adds `final`.
 */
export type LedgerValue = Readonly<Record<string, Json>>;
