import { pino } from 'pino';
import { Circuit } from '../../src/collect/circuit.ts';
import { type CollectContext, sourceContext } from '../../src/collect/context.ts';
import { collectSource } from '../../src/collect/loop.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { HttpResponse } from '../../src/core/http.ts';
import { Mutex } from '../../src/core/mutex.ts';
import type { CollectObserver, PollResult, SourcePollResult } from '../../src/core/observers.ts';
import { parseSchedule } from '../../src/core/schedule.ts';
import type { SourceHttp } from '../../src/http/client.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import sample from './sample-source/index.ts';

/** Two streams, so that they are opened together too. */
const source = {
  ...sample,
  async *streams() {
    yield { id: 'a' };
    yield { id: 'b' };
  },
};

/** The source `console`, as its identity in a journal. */
export const CONSOLE_IDENTITY = {
  name: 'console',
  type: source.id,
  origin: 'https://vendor.example.com',
  account: '',
};

interface Setup {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Ends collecting. */
  readonly signal: AbortSignal;
  /** Awaited before each step: a method of the journal (`store.method`), `request`, or `answer`, which follows it. */
  readonly before: (step: string) => Promise<unknown> | undefined;
  /** What the vendor answers. */
  readonly answer?: () => object | Promise<object>;
}

/** The collect loop of one source with a vendor in memory, of which a test can stop every step. */
export function collecting({ journal: given, clock, signal, before, answer = oneRow }: Setup) {
  const lines: { level: number }[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as { level: number });
  const log = pino({ level: 'debug' }, { write });
  const polls: PollResult[] = [];
  const sourcePolls: SourcePollResult[] = [];
  const observer: CollectObserver = {
    page: () => undefined,
    commit: () => undefined,
    alive: () => undefined,
    streamPoll: (result) => void polls.push(result),
    sourcePoll: (result) => void sourcePolls.push(result),
  };
  const get = async () => {
    await before('request');
    const response = await answer();
    await before('answer');
    return response as HttpResponse;
  };
  const http = { requests: 0, vendorNow: () => clock.now(), get, request: get } as unknown as SourceHttp;
  const base = { type: source.id, base_url: CONSOLE_IDENTITY.origin, token: 'the key' };
  const options = source.options.parse(base);
  const config = { name: 'console', definition: source, options, namespace: undefined };
  const journal = watched(given, before);
  const context: CollectContext = {
    config,
    journal,
    http,
    clock,
    log,
    signal,
    source: sourceContext({ journal, http, log, signal, mode: 'run' }, config),
    circuit: new Circuit(undefined),
    commits: new Mutex(),
    encoder: new RecordEncoder(source.fields, source.dataset),
    polls: new Mutex(),
    observer,
  };
  const schedule = parseSchedule('every 1m', 'UTC', () => 0);
  return { run: () => collectSource(context, schedule), polls, sourcePolls, lines };
}

function oneRow(): object {
  return { json: () => [{ id: '1' }] };
}

/** The journal, of which each step waits until `before` resolves, and fails when it throws. */
export function watched(journal: Journal, before: Setup['before']): Journal {
  const around = <T extends object>(target: T, prefix: string): T =>
    new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name);
        const step = `${prefix}${String(name)}`;
        if (typeof value === 'object' && value !== null && prefix === '') return around(value, `${step}.`);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          await before(step);
          return value.apply(of, args) as unknown;
        };
      },
    });
  return around(journal, '');
}
