import type * as z from 'zod';
import type { Authorisation } from './authentication.ts';
import type { EcsEvent, FieldTable } from './event.ts';
import type { ThrottleTest } from './http.ts';
import type { Secret } from './secret.ts';
import type { LedgerValue, Scope, SourceContext, StreamContext } from './source-context.ts';
import type { Span } from './span.ts';

// A source imports its whole contract from this file.
export type { LedgerValue, Scope, SourceContext, StreamContext } from './source-context.ts';
export type { Span } from './span.ts';

/**
 * One source type: schemas, streams, polling, mapping. It is a plain object, the default export of
 * `src/sources/<id>/index.ts`. Storage, deduplication, ids, retries, limits and delivery are the pipeline's work.
 *
 * The pipeline guarantees: a page is durable before the generator that yielded it is resumed; a page is committed as a
 * whole (events, ledger, cursor, gaps) or not at all; a key of the ledger becomes an event once, and again only when its
 * value changed; quotas and retries are handled inside `http`.
 */
export interface Source<
  Options extends z.ZodType<CommonOptions> = z.ZodType<CommonOptions>,
  Cursor extends z.ZodType = z.ZodType,
  Rec extends z.ZodType = z.ZodType,
> {
  /** The name of its folder, in kebab case; the `type` in a configuration. MUST NOT change: event ids contain it. */
  readonly id: string;
  readonly title: string;
  /** `observer.vendor` and `observer.product`. */
  readonly vendor: string;
  readonly product: string;
  /** `event.dataset`; `event.module` is the part before the dot. */
  readonly dataset: string;
  /** `event.kind`, `event.category` and `event.type`, unless the mapping sets others. */
  readonly categorisation: Categorisation;
  /** MUST name every field of its events that ECS does not define, with the type in which a store keeps it. */
  readonly fields: FieldTable;
  /** It also writes fields below the first part of `dataset` that `fields` does not name. They are keywords. */
  readonly openNamespace?: boolean;
  /**
   * The fields of its events whose values its ledger keeps, in keys or values: `shape` does not change them there, and
   * `check` says so, of the fields below them too. Absent: none.
   */
  readonly keyFields?: readonly string[];
  /**
   * `append-only`: a key that the ledger holds is dropped. `mutable`: a changed value is an update. `counter`: a changed
   * `count` is an event with the count and the delta.
   */
  readonly stream: 'append-only' | 'mutable' | 'counter';
  /** Version of the cursor schema; 1 when absent. MUST be raised when the schema no longer decodes an old cursor. */
  readonly cursorVersion?: number;
  /**
   * Whether `StreamContext.ledger` MUST return keys of more than 96 characters in full. By default the state keeps only a
   * hash and the first 32 characters of such a key, enough to find it by a prefix.
   */
  readonly fullKeys?: boolean;
  /**
   * What of its definition changed since it stored this cursor (encoded), so that reading on would make other ids, in
   * words; undefined: nothing did. A start is refused then. Absent: a source in code does not change by itself.
   */
  changedSince?(cursor: unknown): string | undefined;
  /** Whether a later poll can read what a full journal made us skip. Such sources stop polling first. */
  readonly canReread: boolean;
  /** Why there is neither `backfill` nor `rewind`, as a predicate of the type's id. Absent: the usual words. */
  readonly noPast?: string;
  /**
   * The options whose values (a text or a list) are part of its scopes. Two sources of one type, `base_url` and account
   * MUST NOT overlap in all of them. Absent: its streams do not depend on the options, so only one source may read them.
   */
  readonly scopedBy?: readonly string[];
  /** The name of its own option that names the vendor account (a text); used where the common `account` is empty. */
  readonly accountOption?: string;
  /** Its block of the configuration: `sourceOptions(…)` of `config/options.ts`. Every option MUST have a description. */
  readonly options: Options;
  /** Its options that are paths of files, relative to the configuration file. Absent: none. */
  readonly fileOptions?: readonly string[];
  /** What is stored between polls. Nothing else survives a restart. */
  readonly cursor: Cursor;
  /** One raw record. It SHOULD be tolerant: unknown fields and unknown values of an enumeration pass. */
  readonly record: Rec;
  /** The vendor's documented limits, by route. The operator's `quota` replaces that of the first route, the main one. */
  quotas(options: z.output<Options>): readonly Quota[];
  /**
   * The headers that carry the credential: called for every request, because secret files are read again. Or an
   * authentication (`http/auth`): called once for each client, which keeps it.
   */
  authorise(options: z.output<Options>): Authorisation;
  /**
   * Says of a response, beside 429 and 403 with `Retry-After` or nothing remaining, that it was throttled, and until when
   * (the vendor's clock, epoch ms; undefined: not known). A `Retry-After` wins. Absent: no other response is.
   */
  readonly throttled?: ThrottleTest;
  /**
   * The streams to poll. Those without a `task` are collected first and polled in the order of how long ago they were
   * last polled, across restarts. One with a `task` is polled before the next is taken from here, and the same scope may
   * come again with another task. The poll of the source ends when this generator ends.
   */
  streams(context: SourceContext<z.output<Options>>): AsyncIterable<Scope>;
  /**
   * Yields what is new since `cursor` (undefined: never polled) as pages, in order. It ends when the stream is caught up.
   *
   * - The cursor of every page MUST be safe to continue from: everything before it was yielded, or is a gap.
   * - A record that is read again MUST get the same key.
   * - What cannot be read MUST be yielded as a gap.
   * - A cursor MUST NOT run ahead of the vendor's clock.
   * - A record that does not fit `record` SHOULD be yielded unchanged: the pipeline makes a `pipeline_error` of it.
   */
  poll(
    context: StreamContext<z.output<Options>>,
    cursor: z.output<Cursor> | undefined,
  ): AsyncIterable<Page<z.input<Cursor>>>;
  /**
   * Checks with the vendor what an operator should know before the first poll (`penstock check`). It MUST send at most
   * one request per route. Yields its findings and returns the number of streams that are polled. It SHOULD let errors of
   * the main route propagate: the caller reports them.
   */
  probe?(context: SourceContext<z.output<Options>>): AsyncGenerator<Finding, number>;
  /** The cursor with which polls read again from `to` (epoch ms); never a later one. Absent: the past cannot be read. */
  rewind?(cursor: z.output<Cursor>, to: number): z.output<Cursor>;
  /** Reads a past span (`penstock backfill`). Absent: the vendor cannot be asked for one. */
  readonly backfill?: Backfill<z.output<Options>>;
  /** The difference between the vendor's clock and ours, ms, above which `check` warns. Absent: 60 s. */
  clockTolerance?(options: z.output<Options>): number;
  /** A time at which to poll in addition to the schedule, such as shortly before a bucket ends. Epoch ms, after `now`. */
  nextExtraPoll?(options: z.output<Options>, now: number): number;
  /**
   * The time up to which records are final at `now`: later ones still change or may still come late, so `penstock gaps`
   * shows what is unread after it as `open`, not as missing. Epoch ms, at most `now`. Absent: `now`.
   */
  settledUntil?(options: z.output<Options>, now: number): number;
  /** The longest time between two readings that is not a gap because the source reads that way, ms. Absent: 0. */
  toleratedGap?(options: z.output<Options>): number;
  /** Maps a record to ECS. It MUST be pure, and SHOULD have one field a line. The pipeline adds the common fields. */
  normalise(record: z.output<Rec>, context: MappingContext): EcsEvent;
}

/** Infers the three schemas, so that a source writes no type parameter. */
export function defineSource<O extends z.ZodType<CommonOptions>, C extends z.ZodType, R extends z.ZodType>(
  source: Source<O, C, R>,
): Source<O, C, R> {
  return source;
}

/** The options that the pipeline itself reads. Every source has them. */
export interface CommonOptions {
  readonly base_url: string;
  /** Distinguishes accounts of a vendor whose URL does not; '' when there is one. */
  readonly account: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly quota?: { readonly requests: number; readonly per: number } | undefined;
  /** For one request, from sending it to the end of the body. Milliseconds. */
  readonly timeout: number;
  readonly retries: number;
  readonly max_response_bytes: number;
  /** The most bytes that the source's ledger may use. */
  readonly ledger: { readonly max: number };
  readonly labels: Readonly<Record<string, string>>;
  readonly shape?: ShapeOptions | undefined;
}

/** What is dropped, removed or hashed before an event is stored. */
export interface ShapeOptions {
  /** CEL over the event. An event that one of them matches is dropped. */
  readonly drop: readonly string[];
  /** Fields that are left out. */
  readonly remove: readonly string[];
  /** Fields whose values are replaced by their HMAC-SHA-256. */
  readonly hash?: { readonly fields: readonly string[]; readonly key: Secret } | undefined;
  /** Whether every event has its raw record as `event.original`. */
  readonly original: boolean;
}

/** The ECS categorisation of a source's events. A `pipeline_error` keeps category and type. */
export interface Categorisation {
  readonly kind: 'event' | 'alert' | 'metric' | 'state';
  readonly category: readonly string[];
  readonly type: readonly string[];
}

/** At most `requests` in any `per` milliseconds, for one (origin, credential, route). */
export interface Quota {
  readonly route: string;
  readonly requests: number;
  readonly per: number;
}

/** One thing that `penstock check` found about a source or a destination. */
export interface Finding {
  /** What was checked, in a word or two: `credentials`, `clock`. */
  readonly probe: string;
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do next; '' only when the verdict is ok. */
  readonly advice: string;
}

/** One raw record, with what the ledger needs to recognise it. */
export interface Observation {
  /** MUST be unique in its stream and the same at every reading: vendor id, bucket and series, or fields and ordinal. */
  readonly key: string;
  /**
   * As the vendor sent it, not validated: the pipeline validates it, leaves out optional members that do not fit, and
   * ships a record that misses a required one as `pipeline_error`. A source that adds to it puts the vendor's part in `row`.
   */
  readonly record: unknown;
  /** What the vendor sent, where `record` is something else: used for `event.original`. */
  readonly original?: unknown;
  /** What the ledger is to keep. Absent for append-only streams. */
  readonly value?: LedgerValue;
  /** The counter's bucket is closed: emit its count once more, as final. */
  readonly final?: boolean;
  /** The record's own time, epoch ms: its key is forgotten when this is before `forgetBefore`. Absent: the poll's time. */
  readonly at?: number;
}

/** A span of a stream that was not read. `part` names a tenant or another part of the stream; '' = all of it. */
export interface Gap extends Span {
  readonly reason: string;
  readonly part: string;
}

/** The `reason` of a gap that the pipeline records by itself; sources have their own. */
export const GAP_REASON = {
  /** The ledger was at its bound and forgot what was emitted in this span. */
  ledgerFull: 'ledger-full',
  /** Nothing was read in this span, because the journal had no room. */
  journalFull: 'journal-full',
  /** The answer about this span was above `max_response_bytes`. */
  tooLarge: 'answer-too-large',
} as const;

/** One answer, or a part of a long one: all observations of a page are in memory at once. It is committed as a whole. */
export interface Page<Cursor> {
  readonly observations: readonly Observation[];
  /** Where the next poll continues. Absent: the stored cursor stays, because more of the same answer follows. */
  readonly cursor?: Cursor;
  /** The span that is completely read with this page. */
  readonly covered?: Span;
  readonly gaps?: readonly Gap[];
  /** Gaps that were filled: those of the same reason and part whose span lies within one of these. */
  readonly closedGaps?: readonly Gap[];
  /** Ledger keys with an earlier time MUST NOT come again, so they are forgotten. Epoch ms. */
  readonly forgetBefore?: number;
  /** Spans before `forgetBefore` that may be read again: their keys are kept. */
  readonly keep?: readonly Span[];
  /** The stream is caught up with this page. */
  readonly complete?: boolean;
  /** Requests of this stream that wait for the quota. This is no failure. Absent: 0. */
  readonly deferred?: number;
}

/** How a source reads the past, apart from its polls and without a cursor. */
export interface Backfill<Options> {
  /** Every stream once, always in the same order. */
  streams(context: SourceContext<Options>): AsyncIterable<Scope>;
  /**
   * Yields the records of a span in order, under the keys that a poll gives them. A page MUST contain only records of the
   * span that it covers, so that a restart continues after the coverage. Records that are not settled yet are left out.
   */
  read(context: StreamContext<Options>, span: Span): AsyncIterable<BackfillPage>;
}

/** A page of a backfill. An observation without `at` is emitted even where its span was covered in the meantime. */
export type BackfillPage = Pick<Page<unknown>, 'observations' | 'covered'>;

/** What `normalise` gets besides the record. */
export interface MappingContext {
  readonly scope: Scope;
  /** When the answer was read by the vendor's clock, epoch ms: `event.created`, and `@timestamp` of a counter. */
  readonly observedAt: number;
  /** Why the event is emitted. */
  readonly reason: 'new' | 'updated' | 'final';
  /** What the ledger held before; undefined when the reason is `new`. */
  readonly previous: LedgerValue | undefined;
  /** Counters: the count minus what was already emitted. */
  readonly delta: number;
  /** Undefined: nobody counts. */
  readonly losses?: MappingLosses | undefined;
}

/** Counts what events lack of their records. */
export interface MappingLosses {
  /** So many values of a record are not in its event, or the details of a record were not to be had. */
  leftOut(count: number): void;
  /** A field that takes one value got a list, and has its first element. */
  shortened(field: string): void;
}
