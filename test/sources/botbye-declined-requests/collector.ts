import source from '../../../src/sources/botbye-declined-requests/index.ts';
import { pino } from 'pino';
import { buildPage } from '../../../src/collect/build-page.ts';
import type { SourceConfig } from '../../../src/config/types.ts';
import type { EcsEvent } from '../../../src/core/event.ts';
import type { Http } from '../../../src/core/http.ts';
import { parseJson, toJson } from '../../../src/core/json.ts';
import type { Gap, LedgerValue, Page, Span, StreamContext } from '../../../src/core/source.ts';
import type { LedgerEntry } from '../../../src/journal/collection.ts';
import type { Options } from '../../../src/sources/botbye-declined-requests/schemas.ts';

/** One event, with the ledger key that it was told under. */
export interface Told {
  readonly key: string;
  readonly event: EcsEvent;
}

/** An event's counter, by the last part of its field's name. */
export function counter({ event }: Told): { count: number; delta: number; final: boolean } {
  const of = (name: string) => event[`botbye.declined_requests.${name}`];
  return { count: of('count') as number, delta: of('delta') as number, final: of('final') as boolean };
}

/** Options as the configuration gives them, with what is required filled in. */
export function optionsOf(own: Record<string, unknown> = {}): Options {
  return source.options.parse({
    type: source.id,
    base_url: 'http://127.0.0.1:9',
    token: 'the token',
    account_id: 'acc-1',
    project_ids: ['p-1'],
    retries: 0,
    ...own,
  });
}

interface Setting {
  readonly http: Http;
  readonly now: () => number;
  readonly scope?: string;
  readonly mode?: 'run' | 'once';
  readonly options?: Record<string, unknown>;
}

/** One stream of the source under the pipeline's own rules, with a ledger in memory. Its state is JSON between polls. */
export class Collector {
  readonly told: Told[] = [];
  readonly gaps: Gap[] = [];
  readonly covered: Span[] = [];
  /** Lines of the log. */
  readonly lines: Record<string, unknown>[] = [];
  options: Options;
  cursor: unknown;
  readonly #setting: Setting;
  readonly #log = pino({ base: null }, { write: (line) => void this.lines.push(JSON.parse(line) as never) });
  readonly #ledger = new Map<string, { entry: string; at: number }>();

  constructor(setting: Setting) {
    this.#setting = setting;
    this.options = optionsOf(setting.options);
  }

  /** One poll; `lost`: the process dies before its page is durable. Returns the pages. */
  async poll({ lost = false } = {}): Promise<Page<unknown>[]> {
    const decoded = this.cursor === undefined ? undefined : source.cursor.parse(this.cursor);
    const pages: Page<unknown>[] = [];
    for await (const page of source.poll(this.#lend(), decoded)) {
      pages.push(page);
      if (!lost) this.#commit(page);
    }
    return pages;
  }

  /** Tellings since the last call. */
  take(): Told[] {
    return this.told.splice(0);
  }

  /** Keys that the ledger holds. */
  get keys(): string[] {
    return [...this.#ledger.keys()];
  }

  #lend(): StreamContext<Options> {
    const { http, now, scope = 'p-1/rule', mode = 'run' } = this.#setting;
    const keysOf = () => this.keys;
    const values = (keys: readonly string[]) => this.#values(keys);
    return {
      options: this.options,
      http,
      log: this.#log,
      now,
      signal: new AbortController().signal,
      mode,
      cursors: async () => new Map(),
      memo: new Map(),
      scope: { id: scope },
      coverage: async () => this.covered,
      known: async (keys) => this.#values(keys),
      // One at a time, so that a bucket has parts.
      ledger: async function* (this: void, prefix: string) {
        for (const key of keysOf()) if (key.startsWith(prefix)) yield values([key]);
      },
    };
  }

  #commit(page: Page<unknown>): void {
    const { now, scope = 'p-1/rule' } = this.#setting;
    const config = { name: 'declined', definition: source, options: this.options } as unknown as SourceConfig;
    const own = {
      observations: page.observations,
      scope: { id: scope },
      lane: 'live',
      observedAt: now(),
    } as const;
    const known = new Map(
      this.keys
        .flatMap((key) => this.#known(key) ?? [])
        .map((entry, index) => [this.keys[index] ?? '', entry]),
    );
    const built = buildPage(config, own, { ledger: known, gaps: [], covered: [] });
    const keyOf = new Map(built.ledger.map(({ uid, key }) => [uid, key]));
    for (const { uid, event } of built.events) this.told.push({ key: keyOf.get(uid) ?? '', event });
    for (const { key, value, uid, at } of built.ledger)
      this.#ledger.set(key, { entry: toJson({ value, uid }), at });
    this.gaps.push(...(page.gaps ?? []));
    if (page.covered !== undefined) this.covered.push(page.covered);
    if (page.cursor !== undefined) this.cursor = parseJson(toJson(page.cursor));
    for (const [key, { at }] of this.#ledger) if (at < (page.forgetBefore ?? 0)) this.#ledger.delete(key);
  }

  #values(keys: readonly string[]): Map<string, LedgerValue> {
    const entries = keys.map((key) => [key, this.#known(key)] as const);
    return new Map(entries.flatMap(([key, entry]) => (entry === undefined ? [] : [[key, entry.value]])));
  }

  #known(key: string): LedgerEntry | undefined {
    const known = this.#ledger.get(key);
    return known && (parseJson(known.entry) as LedgerEntry);
  }
}
