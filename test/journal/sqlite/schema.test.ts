import { copyFile, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateError } from '../../../src/core/errors.ts';
import { MIGRATIONS } from '../../../src/journal/sqlite/schema.ts';
import { openJournal, openJournalForQuotas, openJournalReadOnly } from '../../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { held, KEY } from '../support/commits.ts';
import { options, peek, usedState } from '../support/states.ts';

const LATER = [
  ...MIGRATIONS,
  'ALTER TABLE meta ADD COLUMN added TEXT',
  'CREATE TABLE second (x) STRICT',
  'CREATE TABLE third (x ANY) STRICT',
];
const V2 = LATER.slice(0, 2);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;
let database: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'state');
  database = join(path, 'penstock.db');
});

afterEach(() => directory[Symbol.asyncDispose]());

async function openWith(migrations: readonly string[]): Promise<void> {
  const journal = await openJournal(options(path, { migrations }));
  await journal[Symbol.asyncDispose]();
}

test('an older state is migrated and keeps its data, and a copy of it is made before', async () => {
  await usedState(path);

  await using journal = await openJournal(options(path, { migrations: V2 }));

  expect(await held(journal)).toEqual(['event-0', 'event-1']);
  expect(peek(database, 'PRAGMA user_version')).toEqual({ user_version: 2 });
  expect(peek(`${database}.v1`, 'PRAGMA user_version')).toEqual({ user_version: 1 });
  expect(peek(`${database}.v1`, 'PRAGMA auto_vacuum')).toEqual({ auto_vacuum: 2 });
  expect(peek(`${database}.v1`, 'SELECT count(*) AS pages FROM page')).toEqual({ pages: 1 });
});

test('an operator can go back to the copy', async () => {
  await usedState(path);
  await openWith(V2);

  await copyFile(`${database}.v1`, database);
  await using journal = await openJournal(options(path));

  expect(await held(journal)).toEqual(['event-0', 'event-1']);
});

test('the last two copies are kept', async () => {
  const four = [
    ...LATER.slice(0, 2),
    'CREATE TABLE second (x ANY) STRICT',
    'CREATE TABLE third (x ANY) STRICT',
  ];
  await usedState(path);

  for (const version of [2, 3, 4]) await openWith(four.slice(0, version));

  const copies = (await readdir(path)).filter((name) => name.includes('.db.v'));
  expect(copies.toSorted()).toEqual(['penstock.db.v2', 'penstock.db.v3']);
});

test('a migration that fails leaves the state as it was', async () => {
  await usedState(path);

  await expect(openWith([...MIGRATIONS, 'CREATE TABLE half (x ANY) STRICT; nonsense'])).rejects.toThrow(
    StateError,
  );

  await using journal = await openJournal(options(path));
  expect(await held(journal)).toEqual(['event-0', 'event-1']);
  expect(peek(database, "SELECT count(*) AS half FROM sqlite_schema WHERE name = 'half'")).toEqual({
    half: 0,
  });
});

test('a state of the current version is not copied', async () => {
  await usedState(path);
  await openWith(MIGRATIONS);

  expect((await readdir(path)).toSorted()).toEqual(['penstock.db', 'penstock.lock']);
});

test('a reader does not migrate, and its error says which command does', async () => {
  await usedState(path);

  await expect(openJournalReadOnly(path, { migrations: V2 })).rejects.toThrow(
    /schema version 1.*`penstock run`/,
  );
});

test('a process that spends quotas migrates the state when nobody holds it', async () => {
  await usedState(path);

  await using journal = await openJournalForQuotas({ ...options(path), migrations: V2 });

  expect(await journal.streams.all()).toHaveLength(1);
  expect(peek(database, 'PRAGMA user_version')).toEqual({ user_version: 2 });
});

test('the state that the first release wrote can be read', async () => {
  await mkdir(path);
  const fixture = await readFile(new URL('../fixtures/v1/penstock.db', import.meta.url));
  await copyFile(new URL('../fixtures/v1/penstock.db', import.meta.url), database);

  await using journal = await openJournal(options(path));

  expect(fixture.readUInt32BE(60)).toBe(1);
  expect(await journal.streams.all()).toMatchObject([
    {
      key: KEY,
      source: 'console',
      cursor: { from: 1772452800000 },
      ledger: 1,
      deferred: 2,
      lastError: 'No answer.',
    },
  ]);
  expect(await held(journal)).toEqual(['event-0', 'event-1', 'event-2']);
  expect(await journal.ledger.lookup(KEY, ['key'])).toEqual(
    new Map([['key', { uid: 'uid', value: { count: 2n ** 64n } }]]),
  );
  expect(await journal.coverage.of(KEY)).toEqual([{ from: 1772448000000, to: 1772452800000 }]);
  expect(await journal.gaps.of(KEY)).toMatchObject([
    { from: 1, to: 2, part: 'tenant', reason: 'page-limit' },
  ]);
  expect(await journal.polls.last(KEY, 9)).toMatchObject([{ requests: 3, outcome: 'UnavailableError' }]);
  expect(await journal.destinations.all()).toMatchObject([
    { name: 'siem', position: { sequence: 1, offset: 2 }, lastResponse: '200', paused: '401' },
  ]);
  expect(await journal.deadLetters.of()).toMatchObject([
    { destination: 'siem', uid: 'event-0', status: 400 },
  ]);
  expect(await journal.destinations.gaps()).toMatchObject([
    { destination: 'siem', events: 1, sources: { console: 1 } },
  ]);
  expect(await journal.sources.nextDue('console')).toBe(1772452860000);
  expect(await journal.quotas.available('quota', { requests: 2, per: 60_000 }, 1772452800000)).toBe(1);
});
