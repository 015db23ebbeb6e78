import { Mutex } from '../core/mutex.ts';
import { explain, PenstockError, StateError } from '../core/errors.ts';
import type { LedgerEntry } from '../journal/collection.ts';
import type { JournalView, PageCommit, Room } from '../journal/journal.ts';
import { type PollContext, type PollJournal, sourceContext } from './context.ts';
import type { PollOutcome, PollResult, PollStats } from '../core/observers.ts';
import { pollStream } from './loop.ts';
import { streamKey } from '../core/stream-key.ts';
import { eachRecord } from '../otlp/decode.ts';
import { RecordEncoder } from '../otlp/encode.ts';
import type { Gap } from '../core/source.ts';

interface PreviewParts extends Omit<PollContext, 'journal' | 'source' | 'commits' | 'encoder'> {
  readonly view: JournalView;
  /** Ends the preview after so many events. */
  readonly limit: number;
  /** Gets each LogRecord, as a journal would store it, and its dataset. */
  readonly show: (record: Uint8Array, dataset: string) => void;
}

/** How a preview ended. */
export interface PreviewResult {
  readonly shown: number;
  /** Events that `shape.drop` matched. */
  readonly dropped: number;
  /** What failed, in words: one text for each stream. */
  readonly errors: readonly string[];
  /** Streams were skipped because the quota is spent. */
  readonly partial: boolean;
}

/**
 * Polls each stream of a source once from its cursor, and shows what would be emitted. Writes nothing but the quota;
 * only the first stream waits for a slot in it. Rejects when the state cannot be read.
 */
export async function preview({ view, limit, show, ...parts }: PreviewParts): Promise<PreviewResult> {
  const enough = new AbortController();
  let shown = 0;
  const journal = new DryRunJournal(view, (page) => {
    for (const [record, dataset] of recordsOf(page)) {
      if (shown >= limit) break;
      show(record, dataset);
      shown += 1;
    }
    if (shown >= limit) enough.abort();
  });
  const { config, http, log, signal } = parts;
  const context: PollContext = {
    ...parts,
    journal,
    source: sourceContext({ journal, http, log, signal, mode: 'run' }, config),
    signal: AbortSignal.any([signal, enough.signal]),
    commits: new Mutex(),
    encoder: new RecordEncoder(config.definition.fields, config.definition.dataset),
  };
  const errors: string[] = [];
  let partial = false;
  let dropped = 0;
  try {
    for await (const { outcome, error, stats } of polls(context)) {
      dropped += stats?.dropped ?? 0;
      if (outcome === 'skipped') partial = true;
      if (outcome === 'failed') errors.push(explain(error));
    }
  } catch (error) {
    if (error instanceof StateError || !(error instanceof PenstockError)) throw error;
    errors.push(explain(error));
  }
  return { shown, dropped, errors, partial };
}

/** The records of a page, each with its dataset. */
function* recordsOf({ records = [] }: PageCommit): Generator<[Uint8Array, string]> {
  for (const { dataset, bytes } of records) for (const record of eachRecord(bytes)) yield [record, dataset];
}

type Ending = Pick<PollResult, 'error'> & {
  readonly outcome: PollOutcome | 'skipped';
  readonly stats?: PollStats;
};

async function* polls(context: PollContext): AsyncGenerator<Ending> {
  const { config, http, source, signal } = context;
  const polled = new Set<string>();
  for await (const scope of config.definition.streams(source)) {
    // A stream that is offered again would be polled for its deferred requests without end.
    if (polled.has(scope.id)) return;
    if (polled.size > 0 && (await isSpent(context))) {
      yield { outcome: 'skipped' };
      return;
    }
    const requests = http.requests;
    const result = await pollStream(context, scope);
    yield result;
    if (http.requests > requests || result.outcome !== 'complete') polled.add(scope.id);
    if (signal.aborted) return;
  }
}

/** Where the vendor documents no limit, the operator's quota is for all routes. */
async function isSpent({ config, http }: PollContext): Promise<boolean> {
  const [main] = config.definition.quotas(config.options);
  return (await http.available(main?.route ?? '*')) < 1;
}

type Held = Pick<JournalView, 'streams' | 'ledger' | 'coverage' | 'gaps'>;

/** What was committed of one stream. */
interface Committed {
  cursor: unknown;
  readonly ledger: Map<string, LedgerEntry>;
  readonly gaps: Gap[];
}

/** A journal that keeps commits in memory, over a state that it only reads: polls run on it as on the real one. */
export class DryRunJournal implements PollJournal {
  readonly #held: Held;
  readonly #onCommit: (page: PageCommit) => void;
  readonly #committed = new Map<string, Committed>();

  /** `onCommit` gets each page that a real journal would hold from now on. */
  constructor(held: Held, onCommit: (page: PageCommit) => void) {
    this.#held = held;
    this.#onCommit = onCommit;
  }

  readonly streams: PollJournal['streams'] = {
    all: async () => {
      const held = await this.#held.streams.all();
      return held.map((stream) => ({ ...stream, cursor: this.#of(stream.key).cursor ?? stream.cursor }));
    },
    cursors: async ({ type, origin, account }) => {
      const own = (await this.streams.all()).filter(
        (stream) => stream.type === type && stream.origin === origin && stream.account === account,
      );
      return new Map(own.map(({ scope, cursor }) => [scope, cursor]));
    },
    open: async (identity) => {
      const key = streamKey(identity);
      const held = (await this.streams.all()).find((stream) => stream.key === key);
      const fresh = { ledger: 0, ledgerBytes: 0, knownSince: undefined, asked: undefined };
      const idle = {
        lastComplete: undefined,
        readUpTo: undefined,
        lastError: undefined,
        deferred: 0,
        dropped: 0,
        orphaned: false,
      };
      return { ...fresh, ...idle, cursor: this.#of(key).cursor, ...held, ...identity, key };
    },
  };

  readonly ledger: PollJournal['ledger'] = {
    lookup: async (stream, keys) => {
      const known = new Map(await this.#held.ledger.lookup(stream, keys));
      const { ledger } = this.#of(stream);
      for (const key of keys) {
        const entry = ledger.get(key);
        if (entry !== undefined) known.set(key, entry);
      }
      return known;
    },
    withPrefix: async (stream, prefix, after) => {
      const { ledger } = this.#of(stream);
      const { entries, next } = await this.#held.ledger.withPrefix(stream, prefix, after);
      const held = [...entries].filter(([key]) => !ledger.has(key));
      const own = next === undefined ? [...ledger].filter(([key]) => key.startsWith(prefix)) : [];
      return { entries: new Map([...held, ...own]), next };
    },
    // A dry run never fills a ledger.
    sizeOf: async () => ({ entries: 0, bytes: 0 }),
    forgetOldest: async () => [],
  };

  /** Of the state alone: what a dry run reads counts as unread. */
  readonly coverage: PollJournal['coverage'] = {
    of: (stream) => this.#held.coverage.of(stream),
  };

  readonly gaps: PollJournal['gaps'] = {
    of: async (stream = '') => {
      const own = this.#of(stream).gaps.map((gap) => ({ ...gap, stream, opened: 0, closed: undefined }));
      return [...(await this.#held.gaps.of(stream)), ...own];
    },
  };

  /** A dry run is not recorded. */
  readonly polls: PollJournal['polls'] = { record: async () => undefined };

  async commit(page: PageCommit): Promise<void> {
    const committed = this.#of(page.stream);
    if (page.cursor !== undefined) committed.cursor = page.cursor;
    for (const { key, value, uid } of page.ledger ?? []) committed.ledger.set(key, { value, uid });
    committed.gaps.push(...(page.gaps ?? []));
    this.#onCommit(page);
  }

  async room(): Promise<Room> {
    return 'free';
  }

  #of(stream: string): Committed {
    const known = this.#committed.get(stream) ?? { cursor: undefined, ledger: new Map(), gaps: [] };
    this.#committed.set(stream, known);
    return known;
  }
}
