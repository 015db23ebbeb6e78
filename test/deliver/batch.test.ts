import { describe, expect, test } from 'vitest';
import type { DestinationConfig } from '../../src/config/types.ts';
import { Batcher } from '../../src/deliver/batch.ts';
import { pageReader } from '../../src/deliver/record-page.ts';
import { uidOf } from '../../src/otlp/stored-record.ts';
import type { Position } from '../../src/journal/delivery.ts';
import { destination, event, events } from './support/events.ts';
import { MemoryJournal } from './support/memory-journal.ts';
import { requestMaker } from './support/requests.ts';

const START: Position = { sequence: 0, offset: 0 };
const NOW = Date.parse('2026-03-02T12:00:00Z');

function batcher(journal: MemoryJournal, overrides: Partial<DestinationConfig> = {}) {
  const config = destination('http://siem.test', overrides);
  const requests = requestMaker(config);
  return {
    requests,
    batcher: new Batcher({
      read: pageReader(journal.pages),
      destination: config,
      requests,
      namespaceOf: () => undefined,
    }),
  };
}

const padded = (length: number) => [event(0, { message: 'x'.repeat(length) })];
const at = (time: string) => event(0, { '@timestamp': time });

/** All batches up to the end of the journal. */
async function cut(journal: MemoryJournal, overrides: Partial<DestinationConfig> = {}) {
  const { batcher: cutter, requests } = batcher(journal, overrides);
  const batches = [];
  for (
    let batch = await cutter.next(START, NOW);
    batch !== undefined;
    batch = await cutter.next(batch.end, NOW)
  ) {
    batches.push(batch);
  }
  const uids = batches.map(({ entries }) => entries.map(({ stored }) => uidOf(stored)));
  return { batches, requests, uids };
}

test('a batch spans pages and ends where the journal ends', async () => {
  const journal = new MemoryJournal();
  journal.add(events(2));
  journal.add(events(3, 2));

  const { uids, batches } = await cut(journal);

  expect(uids).toEqual([['uid-0', 'uid-1', 'uid-2', 'uid-3', 'uid-4']]);
  expect(batches[0]?.end).toEqual({ sequence: 3, offset: 0 });
});

test('a batch can begin in the middle of a page', async () => {
  const journal = new MemoryJournal();
  journal.add(events(5));

  const batch = await batcher(journal).batcher.next({ sequence: 1, offset: 3 }, NOW);

  expect(batch?.entries.map(({ position }) => position.offset)).toEqual([3, 4]);
});

test.each(['http/protobuf', 'http/json'] as const)(
  'no request in %s is larger than allowed, and each is as large as its records permit',
  async (protocol) => {
    const journal = new MemoryJournal();
    for (let page = 0; page < 20; page += 1) journal.add(events(50, page * 50));
    const maxRequestBytes = 16_384;

    const { batches, requests, uids } = await cut(journal, { protocol, maxRequestBytes });

    const sizes = batches.map(({ entries }) => requests.request(entries).length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(maxRequestBytes);
    const largest = Math.max(...batches.flatMap(({ entries }) => entries.map(({ size }) => size)));
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(maxRequestBytes - largest);
    expect(uids.flat()).toEqual(events(1_000).map(({ uid }) => uid));
  },
);

test('no request has more than 5000 records', async () => {
  const journal = new MemoryJournal();
  journal.add(events(5_001));

  const { uids } = await cut(journal, { maxRequestBytes: 1e9 });

  expect(uids.map(({ length }) => length)).toEqual([5_000, 1]);
});

test('an event larger than a request is unfit and does not hold back the others', async () => {
  const journal = new MemoryJournal();
  journal.add([event(0), event(1, { message: 'x'.repeat(20_000) }), event(2)]);

  const { batches } = await cut(journal, { maxRequestBytes: 16_384 });

  const unfit = batches.flatMap(({ entries }) => entries).map((item) => item.unfit);
  expect(batches).toHaveLength(1);
  expect(unfit).toEqual([
    undefined,
    expect.stringMatching(/^larger than max_request_bytes: 20\d{3} bytes/),
    undefined,
  ]);
});

test('an event that just fits into a request is sent', async () => {
  const journal = new MemoryJournal();
  journal.add(padded(15_000));
  const { batches, requests } = await cut(journal);
  const spare = 16_384 - requests.request(batches[0]?.entries ?? []).length;
  const exact = new MemoryJournal();
  exact.add(padded(15_000 + spare));
  exact.add(padded(15_001 + spare));

  const { batches: found } = await cut(exact, { maxRequestBytes: 16_384 });

  expect(found.flatMap(({ entries }) => entries).map(({ unfit }) => unfit)).toEqual([
    undefined,
    expect.any(String),
  ]);
});

test('an event older than max_event_age is unfit', async () => {
  const journal = new MemoryJournal();
  journal.add([at('2026-03-02T11:00:00Z'), at('2026-03-02T10:59:59Z')]);

  const { batches } = await cut(journal, { maxEventAge: 3_600_000 });

  expect(batches[0]?.entries.map(({ unfit }) => unfit)).toEqual([
    undefined,
    'older than max_event_age: 3601 s old, at most 3600 s',
  ]);
});

describe('events that a destination does not receive', () => {
  test('events of sources that a destination does not name are skipped', async () => {
    const journal = new MemoryJournal();
    journal.add(events(1), { source: 'console' });
    journal.add(events(1, 1), { source: 'incidents' });
    journal.add(events(1, 2), { source: 'console' });
    journal.add(events(1, 3), { source: 'incidents' });

    const { uids, batches } = await cut(journal, { sources: ['console'] });

    expect(uids).toEqual([['uid-0', 'uid-2']]);
    expect(batches[0]?.end).toEqual({ sequence: 5, offset: 0 });
  });

  test('many pages without events for a destination end a batch, so that the position moves', async () => {
    const journal = new MemoryJournal();
    for (let page = 0; page < 450; page += 1) journal.add(events(1, page), { source: 'incidents' });

    const { uids, batches } = await cut(journal, { sources: ['console'] });

    expect(uids).toEqual([[], [], []]);
    expect(batches.at(-1)?.end).toEqual({ sequence: 451, offset: 0 });
  });

  test('events of tenants that a destination does not name are skipped, by either id, and in gaps', async () => {
    const journal = new MemoryJournal();
    journal.add([
      event(0, { 'organization.id': 'tenant-a', 'cloud.account.id': 'microsoft-a' }),
      event(1, { 'organization.id': 'tenant-b', 'cloud.account.id': 'microsoft-b' }),
      event(2, { 'organization.id': 'tenant-c', 'cloud.account.id': 'microsoft-c' }),
      event(3, { 'penstock.gap.part': 'tenant-a' }),
      event(4, { 'penstock.gap.part': 'tenant-b' }),
      event(5),
    ]);

    const { uids } = await cut(journal, { tenants: ['tenant-a', 'microsoft-c'] });

    expect(uids).toEqual([['uid-0', 'uid-2', 'uid-3', 'uid-5']]);
  });
});

test('each event has its own dataset and lane', async () => {
  const journal = new MemoryJournal();
  journal.add([event(0), event(1, { 'event.dataset': 'penstock.gaps' })], { lane: 'backfill' });

  const { batches } = await cut(journal);

  expect(batches[0]?.entries.map(({ feed }) => `${feed.lane} ${feed.dataset}`)).toEqual([
    'backfill qradar.login_attempts',
    'backfill penstock.gaps',
  ]);
});
