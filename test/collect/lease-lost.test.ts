import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Circuit } from '../../src/collect/circuit.ts';
import { type CollectContext, sourceContext } from '../../src/collect/context.ts';
import { collectSource } from '../../src/collect/loop.ts';
import type { CollectObserver, PollResult, SourcePollResult } from '../../src/core/observers.ts';
import { OutOfBudgetError, UnavailableError } from '../../src/core/errors.ts';
import type { HttpResponse } from '../../src/core/http.ts';
import { Mutex } from '../../src/core/mutex.ts';
import { parseSchedule } from '../../src/core/schedule.ts';
import type { SourceHttp } from '../../src/http/client.ts';
import { type Journal, LeaseLostError } from '../../src/journal/journal.ts';
import { memoryJournal } from '../../src/journal/sqlite/memory.ts';
import { RecordEncoder } from '../../src/otlp/encode.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import sample from '../support/sample-source/index.ts';

const LOST = new LeaseLostError({ kind: 'source', name: 'console' }, 'replica other took it');

/** Two streams, so that they are opened together too. */
const source = {
  ...sample,
  async *streams() {
    yield { id: 'a' };
    yield { id: 'b' };
  },
};

/** A source whose lease is lost when the journal is asked for this: its hold aborts, and the call rejects. */
function collecting(step: string, answer: () => object = () => ({ json: () => [{ id: '1' }] })) {
  const clock = new DrivenClock();
  const hold = new AbortController();
  const lines: { level: number }[] = [];
  const log = pino(
    { level: 'debug' },
    { write: (line) => void lines.push(JSON.parse(line) as { level: number }) },
  );
  const calls: string[] = [];
  const lose = (error: unknown = LOST) => {
    hold.abort(LOST);
    return Promise.reject(error);
  };
  const asked = (name: string) => {
    calls.push(name);
    return hold.signal.aborted || name === step ? lose() : undefined;
  };
  const journal = watched(memoryJournal(clock), asked);
  const polls: PollResult[] = [];
  const sourcePolls: SourcePollResult[] = [];
  const observer: CollectObserver = {
    page: () => undefined,
    commit: () => undefined,
    alive: () => undefined,
    streamPoll: (result) => void polls.push(result),
    sourcePoll: (result) => void sourcePolls.push(result),
  };
  const get = async () => (await asked('request')) ?? (answer() as HttpResponse);
  const http = { requests: 0, vendorNow: () => clock.now(), get, request: get } as unknown as SourceHttp;
  const options = source.options.parse({
    type: source.id,
    base_url: 'https://vendor.example.com',
    token: 'the key',
  });
  const config = { name: 'console', definition: source, options, namespace: undefined };
  const { signal } = hold;
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
  return { run: () => collectSource(context, schedule), calls, polls, sourcePolls, lines, lose };
}

/** A journal whose methods ask first. A method of a store is named `store.method`. */
function watched(journal: Journal, asked: (name: string) => Promise<never> | undefined): Journal {
  const around = <T extends object>(target: T, prefix: string): T =>
    new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name);
        const path = `${prefix}${String(name)}`;
        if (typeof value === 'object' && value !== null && prefix === '') return around(value, `${path}.`);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) =>
          FENCED.has(path) ? (asked(path) ?? value.apply(of, given)) : value.apply(of, given);
      },
    });
  return around(journal, '');
}

const FENCED = new Set([
  'streams.open',
  'streams.openAll',
  'commit',
  'polls.record',
  'sources.orphanStreams',
  'sources.setNextDue',
]);

test.each([
  'streams.openAll',
  'streams.open',
  'request',
  'commit',
  'sources.orphanStreams',
  'sources.setNextDue',
])('a lease that is lost at %s ends collecting quietly, and nobody is blamed', async (step) => {
  const { run, calls, polls, sourcePolls, lines } = collecting(step);

  await run();

  expect(calls).toContain(step);
  expect(lines.filter(({ level }) => level >= 40)).toEqual([]);
  const isAfterThePoll = step === 'sources.setNextDue';
  expect(sourcePolls.map(({ outcome }) => outcome)).toEqual([isAfterThePoll ? 'complete' : 'cut']);
  expect(sourcePolls[0]?.errors).toEqual([]);
  expect(polls.map(({ outcome }) => outcome)).not.toContain('failed');
});

test('a failed poll whose record is refused is cut: the next holder polls again', async () => {
  const pipeline = collecting('polls.record', () => {
    throw new UnavailableError('No answer.', 'https://vendor.example.com');
  });

  await pipeline.run();

  expect(pipeline.calls).toContain('polls.record');
  expect(pipeline.polls).toMatchObject([{ outcome: 'cut', error: LOST }]);
  expect(pipeline.lines.filter(({ level }) => level >= 40)).toEqual([]);
});

test.each([
  ['its quota was spent', new OutOfBudgetError('The quota is exhausted for now.')],
  ['the request failed', new UnavailableError('No answer.', 'https://vendor.example.com')],
])('a lease that is lost while %s ends the poll as cut, not as that', async (_what, error) => {
  const pipeline = collecting('never', () => pipeline.lose(error));

  await pipeline.run();

  expect(pipeline.polls).toMatchObject([{ outcome: 'cut' }]);
  expect(pipeline.sourcePolls).toMatchObject([{ outcome: 'cut', errors: [] }]);
  expect(pipeline.lines.filter(({ level }) => level >= 40)).toEqual([]);
});
