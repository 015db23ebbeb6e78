import { pino } from 'pino';
import { Circuit } from '../../src/collect/circuit.ts';
import {
  type CollectContext,
  decodeCursor,
  openHttp,
  openStream,
  sourceContext,
  streamContext,
} from '../../src/collect/context.ts';
import { pollSource } from '../../src/collect/loop.ts';
import type { SourceConfig } from '../../src/config/types.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { JournaledEvent } from '../../src/core/event.ts';
import type { Http } from '../../src/core/http.ts';
import { Mutex } from '../../src/core/mutex.ts';
import type { SourcePollResult } from '../../src/core/observers.ts';
import type { CommonOptions, Gap, Page, Scope, Source, SourceContext, Span } from '../../src/core/source.ts';
import { GAPS_DATASET } from '../../src/ecs/own-events.ts';
import { QuotaSpender } from '../../src/http/quota.ts';
import type { SourceHttp } from '../../src/http/client.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { memoryJournal } from '../../src/journal/sqlite/memory.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { decoded } from './records.ts';

/** Ids depend on the vendor's origin, and the port of a simulator changes: every vendor is at this origin. */
const ORIGIN = 'https://vendor.example.com';

type Mode = SourceContext<CommonOptions>['mode'];

interface Setup {
  readonly source: Source;
  /** Where the vendor answers: at a URL, or in place of the HTTP client. */
  readonly vendor: { readonly url: string } | { readonly http: Http };
  readonly clock: Clock;
  /** The source's block of the configuration, without `type` and `base_url`. Retries default to 0. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly mode?: Mode;
  /** Called when a commit became durable. */
  readonly onCommit?: () => void;
  /** Where everything is durable. Default: in memory. */
  readonly journal?: Journal;
  /** Opens that journal for a process. Default: all have the same. */
  readonly openJournal?: () => Journal;
}

/** Collects from one source with the real loop into a journal in memory. */
export function testPipeline(setup: Setup): TestPipeline {
  return new TestPipeline(setup);
}

/**
 * One source in the real collect loop: its polls, `buildPage` and the commits of a journal in memory. What is durable
 * lasts as long as the pipeline; everything else lasts one `TestProcess`.
 */
export class TestPipeline {
  /** The events of the source in the journal, in order. */
  readonly events: JournaledEvent[] = [];
  /** The events of gaps in the journal, in order. */
  readonly gapEvents: JournaledEvent[] = [];
  /** The pages that became durable, in order. */
  readonly pages: Page<unknown>[] = [];
  /** What was logged, in all processes; the lines of the loop itself have `loop`. */
  readonly log: Record<string, unknown>[] = [];
  /** The ledger keys of events, by their ids. */
  readonly keys = new Map<string, string>();
  /** The stored cursors by scope. */
  cursors: ReadonlyMap<string, unknown> = new Map();
  readonly journal: Journal;
  readonly setup: Setup;
  #position = { sequence: 0, offset: 0 };

  constructor(setup: Setup) {
    this.setup = setup;
    this.journal = setup.journal ?? memoryJournal(setup.clock);
  }

  /** What the source and its client logged, in all processes. */
  get lines(): Record<string, unknown>[] {
    return this.log.filter(({ loop }) => loop !== true);
  }

  /** The gaps of the durable pages, in order. */
  get gaps(): Gap[] {
    return this.pages.flatMap(({ gaps = [] }) => gaps);
  }

  /** The spans that the durable pages covered, in order. */
  get covered(): Span[] {
    return this.pages.flatMap(({ covered }) => covered ?? []);
  }

  /** Starts a process; one at a time. `config` is added to that of the setup. */
  start(config: Readonly<Record<string, unknown>> = {}, mode: Mode = this.setup.mode ?? 'once'): TestProcess {
    return new TestProcess(this, { ...this.setup.config, ...config }, mode);
  }

  /** One poll of all streams in a process of its own. Returns the pages that became durable; rejects when it failed. */
  async once(
    config: Readonly<Record<string, unknown>> = {},
    death?: { readonly diesAfter: number },
  ): Promise<Page<unknown>[]> {
    await using process = this.start(config);
    return await process.poll(death);
  }

  /** What the ledger knows, by key; a long key is a hash. */
  async ledgerOf(scope = ''): Promise<ReadonlyMap<string, unknown>> {
    const stream = (await this.journal.streams.all()).find((one) => one.scope === scope);
    const all = new Map<string, unknown>();
    let after: string | undefined;
    do {
      const part = await this.journal.ledger.withPrefix(stream?.key ?? '', '', after);
      for (const [key, { value }] of part.entries) all.set(key, value);
      after = part.next;
    } while (after !== undefined);
    return all;
  }

  /** Takes over what a process added to the journal. */
  async refresh(): Promise<void> {
    for (;;) {
      const page = await this.journal.pages.read(this.#position);
      if (page === undefined) break;
      for (const one of decoded(page))
        (one.event['event.dataset'] === GAPS_DATASET ? this.gapEvents : this.events).push(one);
      this.#position = { sequence: page.sequence + 1, offset: 0 };
    }
    this.cursors = new Map((await this.journal.streams.all()).map(({ scope, cursor }) => [scope, cursor]));
  }
}

/** One life of a process: its connections, the vendor's clock, and what the source keeps in memory. */
export class TestProcess implements AsyncDisposable {
  readonly options: CommonOptions;
  readonly http: SourceHttp;
  /** What the source gets. */
  readonly context: SourceContext<CommonOptions>;
  readonly #pipeline: TestPipeline;
  readonly #collect: CollectContext;
  readonly #stop = new AbortController();
  #left = Infinity;
  #page: Page<unknown> | undefined;

  constructor(pipeline: TestPipeline, block: Readonly<Record<string, unknown>>, mode: Mode) {
    const { source, vendor, clock } = pipeline.setup;
    this.#pipeline = pipeline;
    const base = { type: source.id, base_url: ORIGIN, retries: 0, timeout: '1d' };
    this.options = source.options.parse({ ...base, ...block });
    const config: SourceConfig = {
      name: 'lab',
      definition: { ...source, poll: (...given) => this.#noting(source.poll(...given)) },
      options: this.options,
      namespace: undefined,
    };
    const log = pino(
      { base: null, level: 'debug' },
      { write: (line) => void pipeline.log.push(JSON.parse(line) as Record<string, unknown>) },
    );
    const signal = this.#stop.signal;
    const journal = pipeline.setup.openJournal?.() ?? pipeline.journal;
    const spender = new QuotaSpender({ quotas: journal.quotas, clock });
    const parts = { spender, clock, random: () => 1, log, signal, env: {} };
    this.http =
      'http' in vendor
        ? inPlace(vendor.http, clock)
        : openHttp(parts, { ...config, options: { ...this.options, base_url: vendor.url } });
    this.context = sourceContext({ journal, http: this.http, log, signal, mode }, config);
    this.#collect = {
      config,
      journal: this.#mortal(journal),
      http: this.http,
      clock,
      log: log.child({ loop: true }),
      signal,
      source: this.context,
      circuit: new Circuit(undefined),
      commits: new Mutex(),
      encoder: new RecordEncoder(source.fields, source.dataset),
      polls: new Mutex(),
    };
  }

  /**
   * Polls every stream once, and dies when `diesAfter` pages are durable. Returns the pages that became durable; rejects
   * with the first error, or with the reason of `abort`.
   */
  async poll(death?: { readonly diesAfter: number }): Promise<Page<unknown>[]> {
    const before = this.#pipeline.pages.length;
    const { outcome, errors } = await this.run(death);
    if (outcome === 'failed') throw errors[0];
    if (outcome === 'cut' && this.#left >= 0) throw this.#stop.signal.reason;
    return this.#pipeline.pages.slice(before);
  }

  /** As `poll`, but resolves with how it ended. */
  async run({
    diesAfter = Infinity,
    // A poll of its own: what was refused before is tried again.
    circuit = new Circuit(undefined),
  }: { readonly diesAfter?: number; readonly circuit?: Circuit } = {}): Promise<SourcePollResult> {
    this.#left = diesAfter;
    const result = await pollSource({ ...this.#collect, circuit });
    if (result === undefined) throw new Error('Its circuit is open.');
    await this.#pipeline.refresh();
    return result;
  }

  /** The pages of one stream, as the source yields them. Nothing is committed. */
  async *pages(scope: Scope): AsyncGenerator<Page<unknown>> {
    const stream = await openStream(this.#collect, scope);
    const cursor = decodeCursor(this.#collect.config, stream.state);
    yield* this.#pipeline.setup.source.poll(streamContext(this.#collect, stream), cursor);
  }

  abort(reason: Error): void {
    this.#stop.abort(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http[Symbol.asyncDispose]();
  }

  async *#noting<P extends Page<unknown>>(pages: AsyncIterable<P>): AsyncGenerator<P> {
    for await (const page of pages) {
      this.#page = page;
      yield page;
    }
  }

  /** The journal, of which a commit fails, and all after it: the process is dead, and nothing of them is durable. */
  #mortal(journal: Journal): Journal {
    const commit: Journal['commit'] = async (page) => {
      if (this.#left-- <= 0) this.#stop.abort(new Error('killed'));
      this.#stop.signal.throwIfAborted();
      await journal.commit(page);
      for (const { uid, key } of page.ledger ?? []) this.#pipeline.keys.set(uid, key);
      if (this.#page !== undefined) this.#pipeline.pages.push(this.#page);
      this.#page = undefined;
      this.#pipeline.setup.onCommit?.();
    };
    return new Proxy(journal, {
      get: (target, name) => {
        if (name === 'commit') return commit;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }
}

/** A client without a network. */
function inPlace(http: Http, clock: Clock): SourceHttp {
  let requests = 0;
  const request: Http['request'] = (wanted) => {
    requests += 1;
    return http.request(wanted);
  };
  return {
    available: (route) => http.available(route),
    recall: (ahead) => http.recall(ahead),
    request,
    get: request,
    capacity: () => Infinity,
    quotaName: (route) => route,
    vendorNow: () => clock.now(),
    get requests() {
      return requests;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
