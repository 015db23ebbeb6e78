import type { Availability } from '../core/availability.ts';
import type { SourceConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import { StateError } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Mutex } from '../core/mutex.ts';
import type { CollectObserver } from '../core/observers.ts';
import type { CommonOptions, LedgerValue, Scope, SourceContext, StreamContext } from '../core/source.ts';
import { identityOf } from '../core/stream-key.ts';
import { VERSION } from '../core/version.ts';
import { createHttp, type SourceHttp } from '../http/client.ts';
import type { HttpSettings } from '../http/settings.ts';
import { type Journal, LeaseLostError } from '../journal/journal.ts';
import type {
  LedgerEntry,
  PollStore,
  StreamIdentity,
  StreamState,
  StreamStore,
} from '../journal/collection.ts';
import type { RecordEncoder } from '../otlp/encode.ts';
import type { Circuit } from './circuit.ts';

/** What a poll needs of the journal. */
export interface PollJournal extends Pick<Journal, 'ledger' | 'commit' | 'coverage' | 'gaps' | 'room'> {
  readonly streams: Pick<StreamStore, 'open' | 'all' | 'cursors'>;
  readonly polls: Pick<PollStore, 'record'>;
}

/** What polling one source needs. */
export interface PollContext {
  readonly config: SourceConfig;
  readonly journal: PollJournal;
  readonly http: SourceHttp;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts at a stop or a deadline. */
  readonly signal: AbortSignal;
  /** Encodes what is emitted. */
  readonly encoder: RecordEncoder;
  /** What the source itself gets. */
  readonly source: SourceContext<CommonOptions>;
  /** Held from reading the ledger to the commit: pages of one source are committed one at a time. */
  readonly commits: Mutex;
  /** Whether the journal can be used. Default: it can, or each failure is news. */
  readonly state?: Availability;
  readonly observer?: CollectObserver;
}

/** What collecting from one source needs; made once for each source and process. */
export interface CollectContext extends PollContext {
  readonly journal: Journal;
  readonly circuit: Circuit;
  /** Held during a live poll, and by what must not happen during one. */
  readonly polls: Mutex;
}

/** A stream that the journal knows, with its state as it was before the poll. */
export interface OpenStream {
  readonly scope: Scope;
  readonly state: StreamState;
}

/** What the HTTP client of a source is made of, besides its configuration. */
export type HttpParts = Omit<HttpSettings, 'options' | 'authorise' | 'quotas' | 'throttled' | 'userAgent'>;

/** The HTTP client of one source, with its credential and its quotas. Dispose it to close its connections. */
export function openHttp(parts: HttpParts, { definition, options }: SourceConfig): SourceHttp {
  return createHttp({
    ...parts,
    options,
    authorise: () => definition.authorise(options),
    quotas: definition.quotas(options),
    throttled: definition.throttled,
    userAgent: `penstock/${VERSION}`,
  });
}

interface SourceParts {
  readonly journal: { readonly streams: Pick<StreamStore, 'cursors'> };
  readonly http: SourceHttp;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly mode: SourceContext<CommonOptions>['mode'];
}

/** What a source gets for its polls; made once for each source and process. */
export function sourceContext(
  { journal, http, ...parts }: SourceParts,
  config: SourceConfig,
): SourceContext<CommonOptions> {
  return {
    ...parts,
    http,
    options: config.options,
    now: () => http.vendorNow(),
    cursors: () => journal.streams.cursors(identityOf(config)),
    memo: new Map(),
  };
}

/** What a source gets to read one stream. */
export function streamContext(
  { journal, source }: PollContext,
  { scope, state }: OpenStream,
): StreamContext<CommonOptions> {
  return {
    ...source,
    scope,
    coverage: () => journal.coverage.of(state.key),
    known: async (keys) => valuesOf(await journal.ledger.lookup(state.key, keys)),
    async *ledger(prefix) {
      let after: string | undefined;
      do {
        const part = await journal.ledger.withPrefix(state.key, prefix, after);
        yield valuesOf(part.entries);
        after = part.next;
      } while (after !== undefined);
    },
  };
}

function valuesOf(entries: ReadonlyMap<string, LedgerEntry>): ReadonlyMap<string, LedgerValue> {
  return new Map([...entries].map(([key, { value }]) => [key, value]));
}

/**
 * Whether this process lost the lease of the source, whatever error that led to. The work ends as at a stop: it is nobody's
 * fault, and whoever holds the source next polls again.
 */
export function isLeaseLost({ signal }: Pick<PollContext, 'signal'>, error: unknown): boolean {
  return error instanceof LeaseLostError || signal.reason instanceof LeaseLostError;
}

/** Makes a stream of the source known to the journal. */
export async function openStream({ config, journal }: PollContext, scope: Scope): Promise<OpenStream> {
  return { scope, state: await journal.streams.open(streamOf(config, scope)) };
}

/** The identity of a stream in the journal. */
export function streamOf(config: SourceConfig, scope: Scope): StreamIdentity {
  const { name, ...names } = identityOf(config);
  return {
    ...names,
    source: name,
    scope: scope.id,
    cursorVersion: config.definition.cursorVersion ?? 1,
  };
}

/**
 * The cursor of a stream, decoded for its source; undefined before its first page. Throws StateError when it cannot be
 * decoded.
 */
export function decodeCursor({ name, definition }: SourceConfig, { key, cursor }: StreamState): unknown {
  if (cursor === undefined) return undefined;
  const decoded = definition.cursor.safeDecode(cursor);
  if (decoded.success) return decoded.data;
  throw new StateError(
    `The cursor of source ${name} (stream ${key}) cannot be read by this release: ${decoded.error.message}. ` +
      `Go back to the release that wrote it, or start this stream anew with: penstock state reset ${name}`,
  );
}
