import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { Circuit } from '../collect/circuit.ts';
import { openHttp, sourceContext } from '../collect/context.ts';
import { Mutex } from '../core/mutex.ts';
import { pollSource } from '../collect/loop.ts';
import type { SourceConfig } from '../config/types.ts';
import type { Clock } from '../core/clock.ts';
import type { JournaledEvent } from '../core/event.ts';
import type { SourcePollResult } from '../core/observers.ts';
import type { CommonOptions, Source } from '../core/source.ts';
import { QuotaSpender } from '../http/quota.ts';
import type { Journal } from '../journal/journal.ts';
import { memoryJournal } from '../journal/sqlite/memory.ts';
import { decodeRecord, eachRecord } from '../otlp/decode.ts';
import { RecordEncoder } from '../otlp/encode.ts';

/** What is tried. */
interface TrialParts {
  readonly source: Source;
  readonly options: CommonOptions;
  /** Gets every request, whatever its origin. */
  readonly server: string;
  readonly clock: TrialClock;
}

/**
 * Polls one source against a simulated vendor, with the real client, the real loop and a journal in memory. Each poll is
 * a process of its own: only what is in the journal lasts.
 */
export class Trial {
  /** The events in the journal, those of gaps too, in order. */
  readonly events: JournaledEvent[] = [];
  readonly #parts: TrialParts;
  readonly #config: SourceConfig;
  readonly #journal: Journal;
  #read = { sequence: 0, offset: 0 };

  constructor(parts: TrialParts) {
    const { source, options, clock } = parts;
    this.#parts = parts;
    // The clock waits for nobody, so no request is ever late.
    this.#config = {
      name: 'trial',
      definition: source,
      options: { ...options, timeout: LIMIT },
      namespace: undefined,
    };
    this.#journal = memoryJournal(clock);
  }

  /** Polls every stream once. `diesAfter`: the process is killed when so many pages are durable. */
  async poll(diesAfter = Infinity): Promise<SourcePollResult> {
    const stop = new AbortController();
    const { clock, server } = this.#parts;
    const journal = mortal(this.#journal, diesAfter, stop);
    const log = pino({ level: 'silent' });
    const spender = new QuotaSpender({ quotas: journal.quotas, clock });
    const { signal } = stop;
    const parts = { spender, clock, random: () => 1, log, signal, env: {}, standIn: server };
    await using http = openHttp(parts, this.#config);
    const { definition } = this.#config;
    const result = await pollSource({
      config: this.#config,
      journal,
      http,
      clock,
      log,
      signal,
      source: sourceContext({ journal, http, log, signal, mode: 'once' }, this.#config),
      circuit: new Circuit(undefined),
      commits: new Mutex(),
      encoder: new RecordEncoder(definition.fields, definition.dataset),
      polls: new Mutex(),
    });
    await this.#refresh();
    if (result === undefined) throw new Error('A new circuit is closed.');
    return result;
  }

  async #refresh(): Promise<void> {
    for (;;) {
      const page = await this.#journal.pages.read(this.#read);
      if (page === undefined) return;
      for (const record of eachRecord(page.bytes)) this.events.push(decodeRecord(record));
      this.#read = { sequence: page.sequence + 1, offset: 0 };
    }
  }
}

/** A journal whose process dies when so many pages are durable. */
function mortal(journal: Journal, pages: number, stop: AbortController): Journal {
  let left = pages;
  const commit: Journal['commit'] = async (page) => {
    if (left <= 0) stop.abort(new Error('killed'));
    stop.signal.throwIfAborted();
    left -= 1;
    await journal.commit(page);
  };
  return new Proxy(journal, {
    get(target, name) {
      if (name === 'commit') return commit;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The time limit of a request in a trial, which never passes. Milliseconds. */
const LIMIT = 86_400_000;

/** A clock that moves to the end of each wait at once. */
export class TrialClock implements Clock {
  #now: number;

  /** `now`: epoch ms. */
  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** Moves the clock. Epoch ms. */
  set(now: number): void {
    this.#now = now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (ms < LIMIT) {
      this.#now += Math.max(0, Math.ceil(ms));
      await turn();
      signal?.throwIfAborted();
      return;
    }
    const { promise, reject } = Promise.withResolvers<void>();
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    await promise;
  }
}
