import { pino } from 'pino';
import { buildPage } from '../../src/collect/build-page.ts';
import type { SourceConfig } from '../../src/config/types.ts';
import type { JournaledEvent } from '../../src/core/event.ts';
import { QuotaSpender } from '../../src/http/quota.ts';
import { createHttp, type SourceHttp } from '../../src/http/client.ts';
import { parseJson, toJson } from '../../src/core/json.ts';
import type { LedgerEntry } from '../../src/journal/collection.ts';
import type {
  CommonOptions,
  Gap,
  LedgerValue,
  Page,
  Scope,
  Source,
  SourceContext,
  Span,
} from '../../src/core/source.ts';
import { MemoryQuotas } from '../http/support/memory-quotas.ts';
import type { DrivenClock } from './driven-clock.ts';

interface Setup {
  readonly source: Source;
  readonly baseUrl: string;
  readonly clock: DrivenClock;
  /** The source's block of the configuration, without `type` and `base_url`. Retries default to 0. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a stream has in the journal. */
class StreamState {
  cursor: unknown;
  readonly ledger = new Map<string, LedgerEntry & { readonly at: number }>();
  readonly covered: Span[] = [];

  values(keys: readonly string[]): Map<string, LedgerValue> {
    const entries = keys.map((key) => [key, this.ledger.get(key)] as const);
    return new Map(entries.flatMap(([key, entry]) => (entry === undefined ? [] : [[key, entry.value]])));
  }
}

/**
 * One source under the rules of the pipeline, with the real client and a journal in memory. What is lent lasts one
 * `Process`; what is durable lasts as long as the lab.
 */
export class SourceLab {
  /** Journaled, in order. */
  readonly told: JournaledEvent[] = [];
  readonly gaps: Gap[] = [];
  /** Lines of the log, of all processes. */
  readonly lines: Record<string, unknown>[] = [];
  readonly setup: Setup;
  readonly #streams = new Map<string, StreamState>();
  readonly #spender: QuotaSpender;

  constructor(setup: Setup) {
    this.setup = setup;
    this.#spender = new QuotaSpender({ quotas: new MemoryQuotas(), clock: setup.clock });
  }

  /** Starts a process; one at a time. */
  start(config: Readonly<Record<string, unknown>> = {}): Process {
    return new Process(this, this.#spender, { ...this.setup.config, ...config });
  }

  /** A process that polls once, all streams, and ends. Returns the pages. */
  async once(config: Readonly<Record<string, unknown>> = {}): Promise<Page<unknown>[]> {
    await using process = this.start(config);
    return await process.sweep();
  }

  stream(id: string): StreamState {
    const stream = this.#streams.get(id) ?? new StreamState();
    this.#streams.set(id, stream);
    return stream;
  }

  get streams(): ReadonlyMap<string, StreamState> {
    return this.#streams;
  }
}

/** One life of a process: connections, the vendor's clock, and what a source keeps in memory. */
export class Process implements AsyncDisposable {
  readonly options: CommonOptions;
  readonly run: SourceContext<CommonOptions>;
  readonly http: SourceHttp;
  readonly #lab: SourceLab;
  readonly #stop = new AbortController();

  constructor(lab: SourceLab, spender: QuotaSpender, config: Readonly<Record<string, unknown>>) {
    const { source, baseUrl, clock } = lab.setup;
    const block = { type: source.id, base_url: baseUrl, retries: 0, timeout: '1d', ...config };
    this.#lab = lab;
    this.options = source.options.parse(block);
    const log = pino(
      { base: null, level: 'debug' },
      { write: (line) => void lab.lines.push(JSON.parse(line)) },
    );
    this.http = createHttp({
      options: this.options,
      authorise: () => source.authorise(this.options),
      quotas: source.quotas(this.options),
      spender,
      clock,
      random: () => 1,
      log,
      signal: this.#stop.signal,
      userAgent: 'penstock/test',
      env: {},
    });
    this.run = {
      options: this.options,
      http: this.http,
      log,
      now: () => this.http.vendorNow(),
      signal: this.#stop.signal,
      mode: 'once',
      cursors: async () => new Map([...lab.streams].map(([id, { cursor }]) => [id, cursor])),
      memo: new Map(),
    };
  }

  abort(reason: Error): void {
    this.#stop.abort(reason);
  }

  /** Polls every stream to its end and commits each page; or dies when so many are durable. Returns the pages. */
  async sweep({ diesAfter = Infinity }: { readonly diesAfter?: number } = {}): Promise<Page<unknown>[]> {
    const all: Page<unknown>[] = [];
    for await (const scope of this.#lab.setup.source.streams(this.run)) {
      for await (const page of this.poll(scope)) {
        if (all.length === diesAfter) return all;
        this.commit(scope, page);
        all.push(page);
      }
    }
    return all;
  }

  /** The pages of one stream; what is not committed never happened. */
  poll(scope: Scope): AsyncIterable<Page<unknown>> {
    const { source } = this.#lab.setup;
    const state = this.#lab.stream(scope.id);
    const run = {
      ...this.run,
      scope,
      coverage: async () => state.covered,
      known: async (keys: readonly string[]) => state.values(keys),
      async *ledger(prefix: string) {
        // One at a time, so that there are parts.
        for (const key of state.ledger.keys()) if (key.startsWith(prefix)) yield state.values([key]);
      },
    };
    return source.poll(run, state.cursor === undefined ? undefined : source.cursor.decode(state.cursor));
  }

  /** As the pipeline does: decides by the ledger, tells, and keeps what the journal would. */
  commit(scope: Scope, page: Page<unknown>): void {
    const state = this.#lab.stream(scope.id);
    const { source } = this.#lab.setup;
    const config = atHome({ name: 'lab', definition: source, options: this.options } as SourceConfig);
    const own = { observations: page.observations, scope, lane: 'live', observedAt: this.run.now() } as const;
    const built = buildPage(config, own, { ledger: state.ledger, gaps: [], covered: [] });
    this.#lab.told.push(...built.events);
    for (const { key, value, uid, at } of built.ledger) state.ledger.set(key, { value, uid, at });
    if (page.cursor !== undefined) state.cursor = parseJson(toJson(page.cursor));
    if (page.covered !== undefined) state.covered.push(page.covered);
    this.#lab.gaps.push(...(page.gaps ?? []));
    for (const [key, { at }] of state.ledger) if (at < (page.forgetBefore ?? 0)) state.ledger.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
  }
}

/** The source as if its vendor always answered at one place: ids depend on it, and a simulator's port changes. */
function atHome(config: SourceConfig): SourceConfig {
  return { ...config, options: { ...config.options, base_url: 'https://vendor.example.com' } };
}
