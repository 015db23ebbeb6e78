import type { EcsEvent } from '../../../src/core/event.ts';
import type { Http } from '../../../src/core/http.ts';
import type { Gap, Page, Span } from '../../../src/core/source.ts';
import source from '../../../src/sources/botbye-declined-requests/index.ts';
import type { Options } from '../../../src/sources/botbye-declined-requests/schemas.ts';
import { type TestPipeline, testPipeline } from '../../support/test-pipeline.ts';

/** One event, with the ledger key of its run. */
export interface Emitted {
  readonly key: string;
  readonly event: EcsEvent;
}

/** An event's counter, by the last part of its field's name. */
export function counter({ event }: Emitted): { count: number; delta: number; final: boolean } {
  const of = (name: string) => event[`botbye.declined_requests.${name}`];
  return { count: of('count') as number, delta: of('delta') as number, final: of('final') as boolean };
}

const REQUIRED = { token: 'the token', account_id: 'acc-1', project_ids: ['p-1'], retries: 0 };

/** Options as the configuration gives them, with what is required filled in. */
export function optionsOf(own: Record<string, unknown> = {}): Options {
  return source.options.parse({ type: source.id, base_url: 'http://127.0.0.1:9', ...REQUIRED, ...own });
}

interface Setting {
  readonly http: Http;
  readonly now: () => number;
  readonly mode?: 'run' | 'once';
  readonly options?: Record<string, unknown>;
}

const sleep = () => Promise.reject(new Error('Nothing waits here.'));

/** One stream of the source in the real pipeline; each poll is a process of its own. */
export class Collector {
  /** Changed by a test as by an operator between two processes. */
  readonly options: Record<string, unknown>;
  readonly #pipeline: TestPipeline;
  #taken = 0;

  constructor({ http, now, mode = 'run', options = {} }: Setting) {
    this.options = { ...REQUIRED, types: ['rule'], ...options };
    this.#pipeline = testPipeline({ source, vendor: { http }, clock: { now, sleep }, mode });
  }

  /** One poll; `lost`: the process dies before its page is durable. Returns the pages that are. */
  poll({ lost = false } = {}): Promise<Page<unknown>[]> {
    return this.#pipeline.once(this.options, { diesAfter: lost ? 0 : Infinity });
  }

  /** Events since the last `take`. */
  get emitted(): Emitted[] {
    const { events, keys } = this.#pipeline;
    return events.slice(this.#taken).map(({ uid, event }) => ({ key: keys.get(uid) ?? '', event }));
  }

  /** Events since the last call. */
  take(): Emitted[] {
    const { emitted } = this;
    this.#taken += emitted.length;
    return emitted;
  }

  get gaps(): Gap[] {
    return this.#pipeline.gaps;
  }

  get covered(): Span[] {
    return this.#pipeline.covered;
  }

  get cursor(): unknown {
    return [...this.#pipeline.cursors.values()][0];
  }

  /** Lines of the log. */
  get lines(): Record<string, unknown>[] {
    return this.#pipeline.lines;
  }

  /** Keys that the ledger holds. */
  async keys(): Promise<string[]> {
    const [scope] = this.#pipeline.cursors.keys();
    return [...(await this.#pipeline.ledgerOf(scope)).keys()];
  }
}
