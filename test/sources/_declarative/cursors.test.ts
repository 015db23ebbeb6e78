import { expect, it } from 'vitest';
import { definition, NOW, simulated } from './lab.ts';

const POSITION = definition({
  request: '{ method: POST, path: /events, body: { limit: 2, start: "{{ iso(from) }}" } }',
  cursor:
    '{ position: { from: cursor, more: has_more, initial_lookback: 7d, time: at, as: iso, expired: { status: [410] }, request: { body: { limit: 2, cursor: "{{ position }}" } } } }',
});

const at = (minute: number) => new Date(Date.parse(NOW) + minute * 60_000).toISOString();

it('a position moves with the page that it follows, and a process that dies between pages loses and repeats nothing', async () => {
  await using sample = await simulated(POSITION, { cap: 2 });
  for (let n = 0; n < 7; n += 1) sample.vendor.add({ id: n, at: at(-60 + n), action: `a${n}` });

  await sample.poll(1);
  await sample.poll(2);
  const pages = await sample.poll();

  expect(sample.actions()).toEqual(['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6']);
  expect(pages.at(-1)).toMatchObject({ complete: true, cursor: { position: 'p6' } });
  sample.vendor.add({ id: 7, at: at(0), action: 'a7' });
  await sample.poll();
  await sample.poll();
  expect(sample.actions()).toHaveLength(8);
  expect(JSON.parse(String(sample.server.requests[0]?.body))).toEqual({
    limit: 2,
    start: '2026-02-23T12:00:00.000Z',
  });
  expect(JSON.parse(String(sample.server.requests.at(-1)?.body))).toEqual({ limit: 2, cursor: 'p7' });
});

it('a stream whose first answer was empty has no position, and asks by time again', async () => {
  await using sample = await simulated(POSITION, { cap: 2 });
  const empty = { data: [], cursor: 'p0', has_more: false };
  sample.server.script.push({ status: 200, body: empty });

  await sample.poll();
  sample.vendor.add({ id: 0, at: at(-60), action: 'a0' });
  await sample.poll();

  expect(sample.actions()).toEqual(['a0']);
  expect(sample.server.requests.map(({ body }) => Object.keys(JSON.parse(String(body)) as object))).toEqual([
    ['limit', 'start'],
    ['limit', 'start'],
  ]);
});

it('a position that expired is a gap up to the first record that is read again', async () => {
  await using sample = await simulated(POSITION, { cap: 2 });
  for (let n = 0; n < 3; n += 1) sample.vendor.add({ id: n, at: at(-60 + n), action: `a${n}` });
  await sample.poll();
  sample.vendor.expire();
  sample.vendor.forget(at(-50));
  sample.vendor.add({ id: 3, at: at(-10), action: 'a3' });

  await sample.poll();

  expect(sample.actions()).toEqual(['a0', 'a1', 'a2', 'a3']);
  expect(sample.lab.gaps).toEqual([
    { from: Date.parse(at(-58)), to: Date.parse(at(-10)), reason: 'position-expired', part: '' },
  ]);
  expect(sample.lab.gapEvents).toHaveLength(1);
});

it('a position that stays the same although more should follow is an error, and its records are kept', async () => {
  await using sample = await simulated(POSITION, { cap: 2 });
  const body = { data: [{ id: 1, at: at(-1), action: 'a1' }], cursor: 'p1', has_more: true };
  sample.server.script.push({ status: 200, body }, { status: 200, body });

  await expect(sample.poll()).rejects.toThrow('more should follow, but the position stays as it was');

  expect(sample.actions()).toEqual(['a1']);
});

it('the id of the last record is a position, and a poll ends at an empty page', async () => {
  const text = definition({
    request: '{ path: /records, query: { limit: "2" } }',
    cursor:
      '{ position: { from: { last: id }, order: ascending, request: { query: { limit: "2", after: "{{ position }}" } } } }',
  });
  await using sample = await simulated(text, { cap: 2 });
  for (let n = 0; n < 4; n += 1) sample.vendor.add({ id: n, action: `a${n}` });

  await sample.poll(1);
  await sample.poll();
  await sample.poll();

  expect(sample.actions()).toEqual(['a0', 'a1', 'a2', 'a3']);
  expect(sample.server.requests.map(({ query }) => query.get('after'))).toEqual([null, '1', '1', '3', '3']);
});

const SNAPSHOT = definition({
  cursor: '{ snapshot: {} }',
  paging: '{ offset: { query: offset, size: 2 } }',
  compare: '[status]',
  map: '{ event.action: status, event.reason: { cel: change } }',
});

it('a list that is read whole shows what is new and what changed, once each', async () => {
  await using sample = await simulated(SNAPSHOT);
  for (let n = 0; n < 5; n += 1) sample.vendor.add({ id: n, status: 'open', seen: n });

  await sample.poll();
  sample.vendor.replace((record) => (record as { id: number }).id === 1, {
    id: 1,
    status: 'closed',
    seen: 9,
  });
  await sample.poll();
  await sample.poll();
  sample.vendor.replace((record) => (record as { id: number }).id === 1, { id: 1, status: 'open', seen: 10 });
  await sample.poll();

  const events = sample.lab.events.map(
    ({ event }) => `${event['event.id']} ${event['event.action']} ${event['event.reason']}`,
  );
  expect(events).toEqual([
    '0 open new',
    '1 open new',
    '2 open new',
    '3 open new',
    '4 open new',
    '1 closed updated',
    '1 open updated',
  ]);
  expect(new Set(sample.lab.events.map(({ uid }) => uid)).size).toBe(7);
  expect(sample.lab.gaps).toEqual([]);
});

it('a list that changes during every walk is a gap, which the next quiet walk closes', async () => {
  await using sample = await simulated(SNAPSHOT);
  for (let n = 0; n < 4; n += 1) sample.vendor.add({ id: n, status: 'open' });
  await sample.poll();
  let number = 0;
  sample.vendor.onAnswer = () =>
    sample.vendor.replace((record) => (record as { id: number }).id === 3, {
      id: 3,
      status: `s${(number += 1)}`,
    });

  await sample.poll();
  sample.vendor.onAnswer = undefined;
  const [gap] = sample.lab.gaps;
  const pages = await sample.poll();
  const quiet = await sample.poll();

  expect(gap).toMatchObject({ reason: 'changed-while-read' });
  expect([...pages, ...quiet].flatMap(({ closedGaps = [] }) => closedGaps)).toEqual([gap]);
});

it('a list that does not fit into a poll is a gap until it does', async () => {
  const text = definition({
    cursor: '{ snapshot: {} }',
    paging: '{ next_token: { from: next, query: cursor } }',
    request: '{ path: /records, query: { limit: "2" } }',
  });
  await using sample = await simulated(text, { cap: 2, pages: 2 });
  for (let n = 0; n < 5; n += 1) sample.vendor.add({ id: n, action: `a${n}` });

  await sample.poll();
  expect(sample.lab.gaps).toMatchObject([{ reason: 'snapshot-incomplete' }]);
  expect(sample.actions()).toHaveLength(4);
});

/** A page of one record, and the token of the next. */
const page = (id: number, next?: string) => ({
  status: 200,
  body: { data: [{ id, action: `a${id}` }], next },
});

it.each([
  ['query: token', '/records?token=t1', ''],
  ['body: page.token', '/records', '{"page":{"token":"t1"}}'],
])('a token that is sent alone replaces all parameters, in query and body: %s', async (at, url, body) => {
  const text = definition({
    cursor: '{ snapshot: {} }',
    request: '{ method: POST, path: /records, query: { limit: "2" }, body: { kind: all } }',
    paging: `{ next_token: { from: next, ${at}, only: true } }`,
  });
  await using sample = await simulated(text);
  sample.server.script.push(page(1, 't1'), page(2));

  await sample.poll();

  const [first, second] = sample.server.requests;
  expect([first?.query.toString(), String(first?.body)]).toEqual(['limit=2', '{"kind":"all"}']);
  const query = second?.query.toString() ?? '';
  expect([`/records${query === '' ? '' : `?${query}`}`, String(second?.body)]).toEqual([url, body]);
  expect(sample.actions()).toEqual(['a1', 'a2']);
});

it('records are expanded by their ids, those that the ledger does not know only', async () => {
  const text = definition({
    cursor: '{ snapshot: {} }',
    compare: '[version]',
    expand:
      '{ ids: id, size: 2, request: { method: POST, path: /details, body: { ids: "{{ ids }}" } }, records: resources, key: id }',
    map: '{ event.action: action, sample.records.detailed: detailed }',
    fields: '{ sample.records.detailed: boolean }',
  });
  await using sample = await simulated(text);
  for (let n = 0; n < 3; n += 1) sample.vendor.add({ id: n, version: 1, action: `a${n}` });
  await sample.poll();
  sample.vendor.replace((record) => (record as { id: number }).id === 2, { id: 2, version: 2, action: 'b2' });

  await sample.poll();

  const asked = sample.server.requests
    .filter(({ path }) => path === '/details')
    .map(({ body }) => JSON.parse(String(body)) as unknown);
  expect(asked).toEqual([{ ids: [0, 1] }, { ids: [2] }, { ids: [2] }]);
  expect(sample.actions()).toEqual(['a0', 'a1', 'a2', 'b2']);
  expect(sample.lab.events.every(({ event }) => event['sample.records.detailed'] === true)).toBe(true);
});

const SPLIT = definition({
  request: '{ path: /records, query: { from: "{{ epoch_s(from) }}" } }',
  cursor:
    '{ window: { time: at, as: iso, order: none, filter: from, settle: 1m, overlap: 5m, initial_lookback: 1d } }',
  records: '{ path: data, empty: [absent] }',
  split: 'events',
  map: '{ event.action: item.name, user.name: login }',
});

it('each element of a list is an event, also equal ones, and an empty list is one event', async () => {
  await using sample = await simulated(SPLIT);
  sample.vendor.add({
    id: 1,
    at: at(-30),
    login: 'anna',
    events: [{ name: 'a' }, { name: 'b', n: { m: 1 } }, { name: 'a' }],
  });
  sample.vendor.add({ id: 2, at: at(-29), login: 'boris', events: [] });

  await sample.poll(0);
  await sample.poll();
  await sample.poll();

  expect(
    sample.lab.events.map(({ event }) => [
      event['event.action'],
      event['user.name'],
      event['sample.records.item.n.m'],
    ]),
  ).toEqual([
    ['a', 'anna', undefined],
    ['b', 'anna', '1'],
    ['a', 'anna', undefined],
    [undefined, 'boris', undefined],
  ]);
  expect(new Set(sample.lab.events.map(({ uid }) => uid)).size).toBe(4);
});

it('an absent list means no records only where the definition says so', async () => {
  await using sample = await simulated(SPLIT);
  sample.server.script.push(
    { status: 200, body: { meta: 1 } },
    { status: 200, body: { meta: 1, error: 'broken' } },
    { status: 200, body: { data: 7 } },
    { status: 204 },
  );

  await sample.poll();
  await expect(sample.poll()).rejects.toThrow(
    '`data` is absent, not a list of records; it contains an error: broken',
  );
  await expect(sample.poll()).rejects.toThrow('`data` is a number, not a list of records');
  await sample.poll();

  expect(sample.lab.events).toEqual([]);
});
