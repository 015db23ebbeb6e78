import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PostgresPlace } from '../../../src/config/types.ts';
import { openPostgres } from '../../../src/journal/postgres/open.ts';
import type { PostgresJournal } from '../../../src/journal/postgres/postgres-journal.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { KEY, page, STREAM } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';

const [MAX_BYTES, PAGE_BYTES] = [100_000, 10_000];

/** Commits pages whose records nothing compresses. */
async function fill(journal: PostgresJournal, pages: number): Promise<void> {
  for (let index = 0; index < pages; index += 1) {
    const bytes = Buffer.concat([Buffer.of(0x12), randomBytes(PAGE_BYTES)]);
    await journal.commit(page({ records: [{ dataset: 'd', count: 1, bytes }] }));
  }
}

describe.skipIf(NO_POSTGRES)('room in a PostgreSQL journal', () => {
  let opened: AsyncDisposableStack;
  let place: PostgresPlace;
  let clock: DrivenClock;
  let journal: PostgresJournal;

  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    const own = opened.use(await ownSchema());
    place = placeAt(own.url, { schema: own.schema });
    clock = new DrivenClock();
    journal = await replica();
    await journal.streams.open(STREAM);
    await journal.destinations.open(['siem'], clock.now());
  });
  afterEach(() => opened.disposeAsync());

  async function replica(): Promise<PostgresJournal> {
    return opened.use(await openPostgres({ place, clock, maxBytes: MAX_BYTES, retain: 3_600_000 }));
  }

  test('is free, then full at the cap, then critical at a quarter more', async () => {
    const rooms: string[] = [];
    for (let pages = 0; pages < 13; pages += 1) {
      rooms.push(await journal.room(clock.now()));
      await fill(journal, 1);
    }
    rooms.push(await journal.room(clock.now()));

    expect(rooms).toEqual([
      ...Array.from({ length: 10 }, () => 'free'),
      ...Array.from({ length: 3 }, () => 'full'),
      'critical',
    ]);
  });

  test('what other replicas append counts a second later at most', async () => {
    const other = await replica();
    expect(await other.room(clock.now())).toBe('free');
    await fill(journal, 11);

    await expect.poll(() => other.room(clock.now()), { timeout: 10_000, interval: 20 }).toBe('full');
  });

  test('is made of pages that are delivered, whether they were to be retained or not', async () => {
    await fill(journal, 12);
    const before = await journal.room(clock.now());
    await journal.acknowledge('siem', { position: { sequence: 6, offset: 0 }, response: '200', now: 0 });
    const after = await journal.room(clock.now());

    expect([before, after]).toEqual(['full', 'free']);
    expect((await journal.pages.read({ sequence: 0, offset: 0 }))?.sequence).toBe(6);
    expect((await journal.pages.read({ sequence: 0, offset: 0 }))?.stream).toBe(KEY);
  });
});
