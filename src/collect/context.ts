import type { Clock } from '../core/clock.ts';
import type { SourceConfig } from '../config/types.ts';
import { createHttp, type SourceHttp } from '../http/client.ts';
import type { Journal, LedgerEntry, StreamIdentity, StreamState } from '../journal/journal.ts';
import type { CommonOptions, LedgerValue, Scope, SourceContext, StreamContext } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import type { CollectObserver } from '../core/poll-stats.ts';
import { identityOf } from '../core/stream-key.ts';
import type { HttpSettings } from '../http/settings.ts';
import { VERSION } from '../core/version.ts';
import { StateError } from '../core/errors.ts';

/** What a poll needs of the journal. */
export type PollJournal = Pick<
  Journal,
  | 'openStream'
  | 'streams'
  | 'ledger'
  | 'ledgerByPrefix'
  | 'ledgerSize'
  | 'forgetOldest'
  | 'commit'
  | 'coverage'
  | 'gaps'
  | 'recordPoll'
  | 'room'
>;

/** What polling one source needs. */
export interface PollContext {
  readonly config: SourceConfig;
  readonly journal: PollJournal;
  readonly http: SourceHttp;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts at a stop or a deadline. */
  readonly signal: AbortSignal;
  /** What the source is lent. */
  readonly run: SourceContext<CommonOptions>;
  /** Pages of one source are decided and committed one after another: the ledger must not change in between. */
  readonly commits: Serial;
  readonly observer?: CollectObserver;
}

/** What collecting from one source needs; made once per source and process. */
export interface CollectContext extends PollContext {
  readonly journal: Journal;
  /** Live sweeps, and what must not happen during one. */
  readonly sweeps: Serial;
}

/** What the HTTP client of a source is made of, besides its configuration. */
export type HttpParts = Omit<HttpSettings, 'options' | 'authorise' | 'quotas' | 'userAgent'>;

/** The client of one source, with its credential and its budgets; dispose it to close its connections. */
export function openHttp(parts: HttpParts, { definition, options }: SourceConfig): SourceHttp {
  return createHttp({
    ...parts,
    options,
    authorise: () => definition.authorise(options),
    quotas: definition.quotas(options),
    userAgent: `penstock/${VERSION}`,
  });
}

interface RunParts {
  readonly journal: Pick<Journal, 'cursors'>;
  readonly http: SourceHttp;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly mode: SourceContext<CommonOptions>['mode'];
}

/** What a source is lent for its sweeps, made once per source and process. */
export function lendRun(
  { journal, http, ...lent }: RunParts,
  config: SourceConfig,
): SourceContext<CommonOptions> {
  return {
    ...lent,
    http,
    options: config.options,
    now: () => http.vendorNow(),
    cursors: () => journal.cursors(identityOf(config)),
    memo: new Map(),
  };
}

/** Makes a stream of the source known, and returns what the journal holds of it. */
export function openStream({ config, journal }: PollContext, scope: Scope): Promise<StreamState> {
  return journal.openStream(streamOf(config, scope));
}

/** What the journal knows a stream by. */
export function streamOf(config: SourceConfig, scope: Scope): StreamIdentity {
  const { name, ...names } = identityOf(config);
  return {
    ...names,
    source: name,
    scope: scope.id,
    cursorVersion: config.definition.cursorVersion ?? 1,
  };
}

/** What a source is lent to read one stream. */
export function lendStream(
  { journal, run }: PollContext,
  scope: Scope,
  stream: StreamState,
): StreamContext<CommonOptions> {
  return {
    ...run,
    scope,
    coverage: () => journal.coverage(stream.key),
    known: async (keys) => valuesOf(await journal.ledger(stream.key, keys)),
    async *ledger(prefix) {
      let after: string | undefined;
      do {
        const part = await journal.ledgerByPrefix(stream.key, prefix, after);
        yield valuesOf(part.entries);
        after = part.next;
      } while (after !== undefined);
    },
  };
}

function valuesOf(entries: ReadonlyMap<string, LedgerEntry>): ReadonlyMap<string, LedgerValue> {
  return new Map([...entries].map(([key, { value }]) => [key, value]));
}

/** A stream's cursor as its source reads it; undefined before its first page. Throws StateError when it cannot. */
export function decodeCursor({ name, definition }: SourceConfig, stream: StreamState): unknown {
  if (stream.cursor === undefined) return undefined;
  const decoded = definition.cursor.safeDecode(stream.cursor);
  if (decoded.success) return decoded.data;
  throw new StateError(
    `The cursor of source ${name} (stream ${stream.key}) cannot be read by this release: ${decoded.error.message}. ` +
      `Go back to the release that wrote it, or begin this stream anew with: penstock state reset ${name}`,
  );
}

/** Runs what it is given one after another, in the order it was given. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** Whether something runs or waits for its turn. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  /** Settles as `work` does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise: over, resolve: leave } = Promise.withResolvers<void>();
    this.#last = over;
    this.#pending += 1;
    try {
      await before;
      return await work();
    } finally {
      this.#pending -= 1;
      leave();
    }
  }
}
