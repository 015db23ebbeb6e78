import { expect, it } from 'vitest';
import type { SimulatedAnswer } from '../../../src/simulators/server.ts';
import { definition, NOW, simulated } from './lab.ts';

const MINUTE = 60_000;
const at = (minutes: number) => new Date(Date.parse(NOW) + minutes * MINUTE).toISOString();

const WINDOW = {
  request: '{ path: /records, query: { since: "{{ iso(from) }}", until: "{{ iso(to) }}" } }',
  cursor: '{ window: { time: at, order: ascending, settle: 1m, overlap: 5m, initial_lookback: 1h } }',
};
const BY_URL = definition({ ...WINDOW, paging: '{ next_url: { from: next, more: more } }' });

const record = (id: number) => ({ id, at: at(-30 + id), action: `a${id}` });
const page = (id: number, more: object): SimulatedAnswer => ({
  status: 200,
  body: { data: [record(id)], ...more },
});

it.each<[string, string, readonly SimulatedAnswer[], string, number]>([
  [
    'a next URL of another origin',
    BY_URL,
    [page(1, { more: true, next: 'https://evil.example.com/records' })],
    'origin',
    1,
  ],
  [
    'the same next URL twice',
    BY_URL,
    [page(1, { more: true, next: '/records?p=2' }), page(2, { more: true, next: '/records?p=2' })],
    'the same next URL as an earlier page',
    2,
  ],
  [
    'a promise of more without a URL',
    BY_URL,
    [page(1, { more: true })],
    'it promises more, but has no URL for it',
    1,
  ],
  ['a next URL that is none', BY_URL, [page(1, { more: true, next: 'http://' })], 'no valid URL', 1],
  [
    'records in another order',
    BY_URL,
    [{ status: 200, body: { data: [record(20), record(1)] } }],
    'not in ascending order',
    0,
  ],
  [
    'records that go back on the next page',
    BY_URL,
    [page(20, { more: true, next: '/records?p=2' }), page(1, {})],
    'not in ascending order',
    1,
  ],
  ['no list', BY_URL, [{ status: 200, body: { items: [] } }], '`data` is absent, not a list of records', 0],
  [
    'a list beside an error',
    BY_URL,
    [page(1, { error: 'Not all of it.' })],
    'it contains an error: Not all of it.',
    0,
  ],
  [
    'a count that is none',
    definition({ ...WINDOW, paging: '{ offset: { query: offset, size: 1, total: total } }' }),
    [page(1, { total: 'many' })],
    'a count of records or pages is no number',
    1,
  ],
])('%s is an error that keeps the cursor, and loses nothing', async (_, text, answers, problem, emitted) => {
  await using sample = await simulated(text);
  sample.server.script.push(...answers);

  await expect(sample.poll()).rejects.toThrow(problem);

  expect(sample.lab.events).toHaveLength(emitted);
  for (let id = 1; id <= 3; id += 1) sample.vendor.add(record(id));
  await sample.poll();
  expect(new Set(sample.actions())).toEqual(
    new Set(['a1', 'a2', 'a3', ...sample.actions().slice(0, emitted)]),
  );
  expect(new Set(sample.lab.events.map(({ uid }) => uid)).size).toBe(sample.lab.events.length);
  for (const { headers } of sample.server.requests)
    expect(headers['authorization']).toBe('Bearer token-of-sample');
});

it('empty pages that promise more are followed, as far as a poll goes', async () => {
  await using sample = await simulated(BY_URL, { pages: 5 });
  sample.server.script.push(
    ...Array.from({ length: 9 }, (_, p): SimulatedAnswer => ({
      status: 200,
      body: { data: [], more: true, next: `/records?p=${p}` },
    })),
  );

  const pages = await sample.poll();

  expect(sample.server.requests).toHaveLength(5);
  expect(pages.some(({ complete }) => complete)).toBe(false);
});

it('a thousand pages are one poll', async () => {
  const text = definition({ ...WINDOW, paging: '{ next_token: { from: next, query: cursor } }' });
  await using sample = await simulated(text, { cap: 1 });
  for (let n = 0; n < 990; n += 1)
    sample.vendor.add({ id: n, at: new Date(Date.parse(at(-50)) + n).toISOString(), action: `a${n}` });

  const pages = await sample.poll();

  expect(sample.lab.events).toHaveLength(990);
  expect(pages.at(-1)?.complete).toBe(true);
});

it('a list of a million elements is read some at a time, also where it is part of another list', async () => {
  const text = definition({ ...WINDOW, records: 'data', key: '[id]', rest: 'drop' });
  await using sample = await simulated(text);
  const rows = Array.from({ length: 1_000_000 }, (_, id) => `{"id":${id},"at":"${at(-30)}"}`);
  sample.server.script.push({
    status: 200,
    body: `{"data":[${rows.slice(0, 50_000).join(',')}],"odd":[${'1,'.repeat(1_000_000)}1]}`,
  });

  const pages = await sample.poll();

  expect(sample.lab.events).toHaveLength(50_000);
  expect(Math.max(...pages.map(({ observations }) => observations.length))).toBeLessThanOrEqual(1_000);
});

it('a time that is missing or in another format is a pipeline error, once, and the cursor goes on', async () => {
  await using sample = await simulated(BY_URL);
  const odd = [{ id: 1 }, { id: 2, at: 'yesterday' }, { id: 3, at: 7 }, record(4)];
  const answer: SimulatedAnswer = { status: 200, body: { data: odd } };
  sample.server.script.push(answer, answer);

  await sample.poll();
  await sample.clock.advance(5 * MINUTE);
  await sample.poll();

  const kinds = sample.lab.events.map(({ event }) => event['event.kind']);
  expect(kinds).toEqual(['pipeline_error', 'pipeline_error', 'pipeline_error', 'event']);
  expect(sample.lab.events[1]?.event['error.message']).toBe('`at` is no time as iso (got yesterday)');
});

it('what is older than the vendor keeps is a gap before anything is read', async () => {
  const text = definition({
    ...WINDOW,
    cursor:
      '{ window: { time: at, order: ascending, retention: 2h, initial_lookback: 1h, overlap: 1m, settle: 1m } }',
  });
  await using sample = await simulated(text);
  await sample.poll();
  await sample.clock.advance(10 * 60 * MINUTE);
  sample.vendor.add({ id: 1, at: new Date(sample.clock.now() - 30 * MINUTE).toISOString(), action: 'a1' });

  const pages = await sample.poll();

  expect(pages[0]).toMatchObject({
    observations: [],
    gaps: [{ from: Date.parse(at(-1)), to: Date.parse(at(8 * 60)), reason: 'beyond-retention' }],
  });
  expect(sample.actions()).toEqual(['a1']);
  expect(sample.lab.gaps).toHaveLength(1);
});

it.each(['ascending', 'descending', 'none'])(
  'a past span is read in order %s, exactly, and a rewind reads again',
  async (order) => {
    const text = definition({
      ...WINDOW,
      cursor: `{ window: { time: at, order: ${order}, initial_lookback: 1m, settle: 1m, slice: 20m } }`,
      paging: '{ next_token: { from: next, query: cursor } }',
    });
    await using sample = await simulated(text, { cap: 2 });
    for (let n = 0; n < 9; n += 1) sample.vendor.add({ id: n, at: at(-90 + 5 * n), action: `a${n}` });
    await using process = sample.lab.start();
    const [scope] = await Array.fromAsync(sample.source.streams(process.context));
    const context = {
      ...process.context,
      scope: scope ?? { id: '' },
      known: async () => new Map(),
      ledger: async function* () {},
      coverage: async () => [],
    };
    const span = { from: Date.parse(at(-80)), to: Date.parse(at(-60)) };

    const pages = await Array.fromAsync(sample.source.backfill?.read(context, span) ?? []);

    const ids = pages.flatMap(({ observations }) => observations.map(({ key }) => key));
    expect(ids.toSorted()).toEqual(['2', '3', '4', '5']);
    expect(pages.at(-1)?.covered?.to).toBe(span.to);
    // After a kill the past is read on behind what is covered: what was sent before must be covered with it.
    for (const { observations, covered } of pages)
      for (const { at: time = 0 } of observations)
        expect(covered && covered.from <= time && time < covered.to).toBe(true);
    await sample.poll();
    const cursor = sample.source.cursor.decode([...sample.lab.cursors.values()][0]);
    expect(sample.source.rewind?.(cursor, span.from)).toMatchObject({ next: span.from });
  },
);

it('a past slice of more records than fit into memory is read in halves, in whatever order they come', async () => {
  const text = definition({
    ...WINDOW,
    cursor: '{ window: { time: at, order: descending, initial_lookback: 1m, settle: 1m, slice: 1h } }',
    paging: '{ next_token: { from: next, query: cursor } }',
  });
  await using sample = await simulated(text, { cap: 1_500 });
  for (let n = 0; n < 7_000; n += 1) sample.vendor.add({ id: n, at: at(-90 + n / 120), action: `a${n}` });
  await using process = sample.lab.start();
  const context = {
    ...process.context,
    scope: { id: '' },
    known: async () => new Map(),
    ledger: async function* () {},
    coverage: async () => [],
  };
  const span = { from: Date.parse(at(-90)), to: Date.parse(at(-30)) };

  const pages = await Array.fromAsync(sample.source.backfill?.read(context, span) ?? []);

  const keys = pages.flatMap(({ observations }) => observations.map(({ key }) => key));
  expect(keys).toHaveLength(7_000);
  expect(new Set(keys).size).toBe(7_000);
  expect(Math.max(...pages.map(({ observations }) => observations.length))).toBeLessThanOrEqual(6_000);
});
