import type { z } from 'zod';
import type { EcsEvent } from './event.ts';
import type { FieldTable } from './fields.ts';
import type { Http } from './http.ts';
import type { Json } from './json.ts';
import type { Logger } from './log.ts';

/**
 * What one source type is: schemas, discovery, collection, mapping. Everything else is the pipeline's.
 * A definition is a plain object, the default export of `src/sources/<id>/index.ts`.
 */
export interface Source<
  Options extends z.ZodType<CommonOptions> = z.ZodType<CommonOptions>,
  Cursor extends z.ZodType = z.ZodType,
  Rec extends z.ZodType = z.ZodType,
> {
  /** The folder's name, kebab-case; the `type` in a configuration. */
  readonly id: string;
  readonly title: string;
  /** `observer.vendor` and `observer.product`. */
  readonly vendor: string;
  readonly product: string;
  /** `event.dataset`; `event.module` is the part before the dot. */
  readonly dataset: string;
  /** `event.kind`, `event.category`, `event.type` of its events, unless the mapping sets another; misfits keep category and type. */
  readonly categorisation: Categorisation;
  /** The fields of its events that ECS does not define, and how a store is to type them (`deploy/elastic`). */
  readonly fields: FieldTable;
  /** append-only: seen keys are dropped. mutable: a changed value is an update. counter: tells `count` and `delta`. */
  readonly stream: 'append-only' | 'mutable' | 'counter';
  /** Version of the cursor schema, 1 when absent; raised when an old cursor can no longer be decoded as it is. */
  readonly cursorVersion?: number;
  /**
   * Whether what `ledger` of a run gives back must name keys longer than 96 characters whole. Otherwise, and by default,
   * the state keeps a hash of a long key and its first 32 characters, by which a prefix finds it.
   */
  readonly wholeKeys?: boolean;
  /** Whether the vendor can be asked again for what a full journal makes us skip. Those sources stop polling first. */
  readonly askAgain: boolean;
  /**
   * Options whose values are in the scopes of its streams, by text or list: two sources of one type, `base_url` and
   * account must not overlap in all of them. Absent: its streams are the same whatever the options, and one source reads them.
   */
  readonly scopedBy?: readonly string[];
  /** Its own option that names the vendor account, a text: what `account` is where it is empty. */
  readonly accountOption?: string;
  /** Its block of the configuration, `sourceOptions(…)` of `config/options.ts` extended; every field described. */
  readonly options: Options;
  /** What is checkpointed. What is not in here does not survive a restart. */
  readonly cursor: Cursor;
  /** One raw record, tolerant: unknown fields and unknown enum values pass. */
  readonly record: Rec;
  /** The vendor's documented limits by route; the operator's `quota` replaces that of the first, the main route. */
  quotas(options: z.output<Options>): readonly Quota[];
  /** Headers that carry the credential; asked anew for every request, since secret files are read again. */
  authorise(options: z.output<Options>): Readonly<Record<string, string>>;
  /**
   * The streams to poll. Those without a task are gathered, and polled in the order of how long they waited, across
   * restarts; one with a `task` is polled before the next is asked for, and the same scope may come again with another:
   * a part that failed only after a while, since the sweep ends when nothing more is offered.
   */
  streams(run: SourceContext<z.output<Options>>): AsyncIterable<Scope>;
  /**
   * Pages in order; each page's cursor is safe to resume from. The generator is not resumed until its page is
   * durable, so a cursor never runs ahead of data. It ends when the stream is caught up.
   */
  poll(
    run: StreamContext<z.output<Options>>,
    cursor: z.output<Cursor> | undefined,
  ): AsyncIterable<Page<z.input<Cursor>>>;
  /**
   * Asks the vendor what an operator must know before it is polled (`penstock check`): at most one request a route.
   * Tells what it found, and returns how many streams a sweep polls. What the main route throws is told by who called it.
   */
  probe?(run: SourceContext<z.output<Options>>): AsyncGenerator<Finding, number>;
  /**
   * The cursor of a poll that reads again from `to` (epoch ms) on; never later than it was. Absent: the vendor
   * cannot be asked for the past.
   */
  rewind?(cursor: z.output<Cursor>, to: number): z.output<Cursor>;
  /** How a past span is read again (`penstock backfill`). Absent: the vendor cannot be asked for one. */
  readonly backfill?: Backfill<z.output<Options>>;
  /** How far the vendor's clock may be from ours before it is worth a warning, ms. Default 60 s. */
  clockSlack?(options: z.output<Options>): number;
  /** A time, besides the schedule, at which it wants to be polled next (before a bucket's edge). Epoch ms, after `now`. */
  nextEdge?(options: z.output<Options>, now: number): number;
  /**
   * From when on nothing can be read for good at `now`, since the vendor still counts it, or records may still come late:
   * `penstock gaps` calls that `open`, not missing. Epoch ms, never after `now`. Absent: `now`.
   */
  openFrom?(options: z.output<Options>, now: number): number;
  /** The longest time between two readings that is no gap, because it is how the source reads. Milliseconds; absent: 0. */
  unseen?(options: z.output<Options>): number;
  /** Raw record to ECS: pure, one field a line. The pipeline adds the common fields (`ecs/common.ts`). */
  normalise(record: z.output<Rec>, context: MappingContext): EcsEvent;
}

/** Infers the schemas, so that no source writes a type parameter. */
export function defineSource<O extends z.ZodType<CommonOptions>, C extends z.ZodType, R extends z.ZodType>(
  source: Source<O, C, R>,
): Source<O, C, R> {
  return source;
}

/** The options that the pipeline itself reads; every source has them. */
export interface CommonOptions {
  readonly base_url: string;
  /** Tells accounts of one vendor apart whose URL does not; '' when there is one. */
  readonly account: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly quota?: { readonly requests: number; readonly per: number } | undefined;
  /** Milliseconds for one request, from sending to the end of the body. */
  readonly timeout: number;
  readonly retries: number;
  readonly max_response_bytes: number;
  /** Bytes that its ledger may take. */
  readonly ledger: { readonly max: number };
  readonly labels: Readonly<Record<string, string>>;
}

export interface Categorisation {
  readonly kind: 'event' | 'alert' | 'metric' | 'state';
  readonly category: readonly string[];
  readonly type: readonly string[];
}

/** One thing that `penstock check` looked at, of a source or a destination. */
export interface Finding {
  /** What was looked at, in a word or two: `credentials`, `clock`. */
  readonly probe: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do next; '' only when the verdict is ok. */
  readonly advice: string;
}

/** `requests` in any sliding window of `per` milliseconds, for one (origin, credential, route). */
export interface Quota {
  readonly route: string;
  readonly requests: number;
  readonly per: number;
}

/** A part of a source with a cursor of its own: a tenant, a project and type. `id` is the vendor's canonical id; '' = all. */
export interface Scope {
  readonly id: string;
  readonly name?: string;
  /** What this turn is to do, where a source cuts a sweep in parts; handed back to `poll`, never stored. */
  readonly task?: unknown;
}

/** What the pipeline lends a source for one sweep; a source reaches for nothing else. */
export interface SourceContext<Options> {
  readonly options: Options;
  readonly http: Http;
  readonly log: Logger;
  /** The vendor's clock: ours, corrected by the `Date` of its last answer. Epoch milliseconds. */
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** `run`: it will be polled again at its next due time. `once`: this sweep is all there is before the process ends. */
  readonly mode: 'run' | 'once';
  /** The stored cursors of this source's streams, as encoded, by scope id: for a sweep that orders its work across streams. */
  cursors(): Promise<ReadonlyMap<string, unknown>>;
  /** Kept in memory for the life of the process, per source: directories, one-time warnings. Never correctness. */
  readonly memo: Map<string, unknown>;
}

/** A run on one stream. */
export interface StreamContext<Options> extends SourceContext<Options> {
  readonly scope: Scope;
  /** What was told before of the entities with these keys (at most a page's): for values to compare. */
  known(keys: readonly string[]): Promise<ReadonlyMap<string, LedgerValue>>;
  /** What was told before of all entities with this key prefix, some at a time: for buckets to close. */
  ledger(prefix: string): AsyncIterable<ReadonlyMap<string, LedgerValue>>;
  /** Completely read spans, merged, in order. */
  coverage(): Promise<readonly Span[]>;
}

/**
 * What the ledger keeps of an entity. Mutable streams: the values that make it "the same" or "changed", by name.
 * Counters: `count`, by which alone they are compared, and whatever else is needed to tell the series again;
 * the pipeline adds `final`.
 */
export type LedgerValue = Readonly<Record<string, Json>>;

/** One raw record, with what the ledger needs to know it again. */
export interface Observation {
  /** Unique in its stream, stable over re-reads: vendor id, bucket and series, or tuple and ordinal (`ordinals`). */
  readonly key: string;
  /**
   * As the vendor sent it: not validated. The pipeline does that, leaves out what does not fit, and ships as
   * `pipeline_error` what cannot do without it. Where a source adds to it, the vendor's own part is its `row`.
   */
  readonly record: unknown;
  /** For `event.original`, where the record is not what the vendor sent. */
  readonly original?: unknown;
  /** Absent for append-only streams. */
  readonly value?: LedgerValue;
  /** A counter's bucket is closed: tell the rest once more as final. */
  readonly final?: boolean;
  /** The record's own time (epoch ms), by which `forgetBefore` forgets its key. Defaults to the poll's. */
  readonly at?: number;
}

/** A half-open span of time, epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What we know we do not have. `part` names a tenant or other part of the stream; '' = all of it. */
export interface Gap extends Span {
  readonly reason: string;
  readonly part: string;
}

/**
 * What one answer adds, or a part of a long one: all observations of a page are in memory at once (`Rows`). It commits
 * as a whole or not at all.
 */
export interface Page<Cursor> {
  readonly observations: readonly Observation[];
  /** Absent: the stored one stays, since more of the same answer follows. */
  readonly cursor?: Cursor;
  /** Completely read with this page. */
  readonly covered?: Span;
  readonly gaps?: readonly Gap[];
  /** Gaps that are no longer: same reason and part, their span within this one's. */
  readonly closedGaps?: readonly Gap[];
  /** Ledger keys whose time is before this will not be read again. Epoch milliseconds. */
  readonly forgetBefore?: number;
  /** What is before `forgetBefore` and yet may be read again. */
  readonly keep?: readonly Span[];
  /** A complete sweep of the stream ends with this page. */
  readonly complete?: boolean;
  /** Requests of this stream that still wait for the budget: owed, which is no failure. 0 when absent. */
  readonly deferred?: number;
}

/** How a source reads what lies in the past, besides its polls and without their cursor. */
export interface Backfill<Options> {
  /** Every stream that there is, once, in an order that stays. */
  streams(run: SourceContext<Options>): AsyncIterable<Scope>;
  /**
   * The parts of a span, in order: exactly what lies in it, under the keys that a poll would give, and none told before
   * what it covers. The generator is not resumed until its part is durable. What is not settled yet is left out.
   */
  read(run: StreamContext<Options>, span: Span): AsyncIterable<PastPart>;
}

/** What one answer about the past adds. An observation without `at` is told even where the span is covered by now. */
export type PastPart = Pick<Page<unknown>, 'observations' | 'covered'>;

/** Why an event is told, for `normalise`. */
export interface MappingContext {
  readonly scope: Scope;
  /** When the answer was read, the vendor's clock, epoch ms: `event.created`, and `@timestamp` of a counter. */
  readonly observedAt: number;
  readonly reason: 'new' | 'updated' | 'final';
  /** What the ledger knew before; undefined for 'new'. */
  readonly previous: LedgerValue | undefined;
  /** Counters: `count` − what was told before. */
  readonly delta: number;
}
