import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Journal } from '../../../src/journal/journal.ts';
import { openJournal, openJournalReadOnly } from '../../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { held, KEY, page, STREAM } from '../support/commits.ts';
import { LOCAL, options } from '../support/states.ts';
import { encoded } from '../../support/records.ts';

const MIB = 2 ** 20;
const CAP = 8 * MIB;
const DAY = 24 * 60 * 60_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;
let journal: Journal;
let free: number;
let size: number;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'state');
  free = 2 ** 30;
  size = 2 ** 30;
  const statfs = () => ({ ...LOCAL, bavail: free, blocks: size });
  journal = await openJournal(options(path, { maxBytes: CAP, retain: DAY, statfs }));
  await journal.streams.open(STREAM);
  await journal.destinations.open(['siem'], Date.now());
});

afterEach(async () => {
  await journal[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** Commits pages that take 0.7 MiB each: what is random does not compress. */
async function fill(pages: number): Promise<void> {
  for (let index = 0; index < pages; index += 1) {
    const event = { text: randomBytes(0.7 * MIB).toString('base64') };
    await journal.commit(page({ records: encoded([{ uid: `${index}`, event }]) }));
  }
}

async function deliverAll(): Promise<void> {
  const last = (await journal.stats()).events;
  await journal.acknowledge('siem', {
    position: { sequence: last + 1, offset: 0 },
    response: '200',
    now: Date.now(),
  });
}

async function bytesOnDisk(): Promise<number> {
  const sizes = ['penstock.db', 'penstock.db-wal'].map(async (name) => (await stat(join(path, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

test('there is room while the files are below the cap', async () => {
  await fill(2);

  expect(await journal.room(Date.now())).toBe('free');
  expect((await journal.stats()).bytes).toBe(await bytesOnDisk());
});

test('at the cap undelivered pages are kept, and there is no room', async () => {
  await fill(12);

  expect(await journal.room(Date.now())).toBe('full');
  expect(await held(journal)).toHaveLength(12);
});

test('a large ledger leaves room, because the cap limits pages and dead letters', async () => {
  for (let index = 0; index < 12; index += 1) {
    const ledger = Array.from({ length: 1000 }, (_, entry) => ({
      key: `${index}|${entry}|${'x'.repeat(1000)}`,
      at: index,
      uid: `${entry}`,
      value: {},
    }));
    await journal.commit(page({ ledger }));
  }
  await fill(2);
  const room = await journal.room(Date.now());
  const sizes = [(await journal.stats()).bytes, (await journal.ledger.sizeOf('console')).bytes];

  expect(Math.min(...sizes)).toBeGreaterThan(1.25 * CAP);
  expect(room).toBe('free');
});

test('dead letters count against the cap until they are removed', async () => {
  const letters = Array.from({ length: 9 }, (_, index) => ({
    stream: KEY,
    dataset: 'd',
    lane: 'live' as const,
    observedAt: 0,
    uid: `${index}`,
    record: new Uint8Array(MIB),
    status: 400,
    reason: 'no',
    at: 0,
  }));
  await journal.acknowledge('siem', {
    position: { sequence: 1, offset: 0 },
    response: '400',
    now: 0,
    deadLetters: letters,
  });
  const room = await journal.room(Date.now());
  const ids = (await journal.deadLetters.of('siem')).map(({ id }) => id);
  await journal.deadLetters.settle('siem', ids, []);

  expect([room, await journal.room(Date.now())]).toEqual(['full', 'free']);
});

test('a journal that is a quarter above the cap is critical', async () => {
  await fill(16);

  expect(await journal.room(Date.now())).toBe('critical');
});

test('the log is checkpointed before the journal counts as full', async () => {
  await fill(10);
  const before = await bytesOnDisk();

  const room = await journal.room(Date.now());

  expect(before).toBeGreaterThan(CAP);
  expect(room).toBe('free');
  expect(await held(journal)).toHaveLength(10);
});

test('at the cap delivered pages are removed whatever their age, oldest first, until there is room', async () => {
  await fill(14);
  await deliverAll();

  const room = await journal.room(Date.now());

  const left = await held(journal);
  expect(room).toBe('free');
  expect(left.length).toBeLessThan(12);
  expect(left).toEqual(Array.from({ length: 14 }, (_, index) => `${index}`).slice(-left.length));
  // Some free space stays in the file for the next pages.
  expect(await bytesOnDisk()).toBeLessThan(CAP + 4 * MIB);
});

test('a reader in another process does not delay trimming at the cap', async () => {
  await fill(14);
  await deliverAll();
  await using view = await openJournalReadOnly(path);
  await view.streams.all();

  expect(await journal.room(Date.now())).toBe('free');
});

test('a file system that is nearly full is critical until delivered pages have given space back', async () => {
  await fill(2);
  free = 64 * MIB - 1;

  const undelivered = await journal.room(Date.now());
  await deliverAll();
  const delivered = await journal.room(Date.now());
  const left = await held(journal);
  free = 64 * MIB;

  expect([undelivered, delivered]).toEqual(['critical', 'critical']);
  expect(left).toEqual([]);
  expect(await journal.room(Date.now())).toBe('free');
});

test('half of a small file system must stay free', async () => {
  size = 32 * MIB;
  free = 16 * MIB;
  const roomy = await journal.room(Date.now());
  free = 16 * MIB - 1;
  const tight = await journal.room(Date.now());

  expect([roomy, tight]).toEqual(['free', 'critical']);
});

test('trimming gives space back while the journal is open', async () => {
  await fill(14);
  await deliverAll();
  const before = await bytesOnDisk();

  await journal.trim(Date.now() + DAY);

  expect(await bytesOnDisk()).toBeLessThan(before - 4 * MIB);
});
