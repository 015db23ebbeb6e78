import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Journal } from '../../../src/journal/journal.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { createLogger } from '../../../src/observe/log.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { page, records, STREAM } from '../support/commits.ts';
import { options } from '../support/states.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;
let lines: string[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'state');
  lines = [];
});

afterEach(() => directory[Symbol.asyncDispose]());

/** A journal that knows one stream and one destination. */
async function open(): Promise<Journal> {
  const log = await createLogger({
    level: 'warn',
    format: 'json',
    stream: { write: (line) => lines.push(line) },
  });
  const journal = await openJournal(options(path, { log }));
  await journal.streams.open(STREAM);
  await journal.destinations.open(['siem'], 0);
  return journal;
}

function noted(): Promise<string> {
  return readFile(join(path, 'penstock.last'), 'utf8');
}

test('nothing is noted before something was committed', async () => {
  await using journal = await open();

  expect(await journal.noteLast(0)).toBe(false);
  await expect(noted()).rejects.toThrow('ENOENT');
});

test('the note has the last sequence and the position of each destination, readable for the owner alone', async () => {
  await using journal = await open();
  await journal.commit(page({ records: records(3) }));
  await journal.commit(page({ records: records(3) }));
  await journal.acknowledge('siem', { position: { sequence: 2, offset: 1 }, response: 'ok', now: 0 });

  expect(await journal.noteLast(0)).toBe(true);

  expect(JSON.parse(await noted())).toEqual({
    sequence: 2,
    destinations: { siem: { sequence: 2, offset: 1 } },
    written: '1970-01-01T00:00:00.000Z',
  });
  expect(((await stat(join(path, 'penstock.last'))).mode & 0o777).toString(8)).toBe('600');
});

test.each([
  ['a position that was behind is no warning', { sequence: 1, destinations: {} }, 0],
  ['a last sequence that was ahead is one', { sequence: 9, destinations: {} }, 1],
  ['an answer that was ahead is one', { sequence: 1, destinations: { siem: { sequence: 1, offset: 3 } } }, 1],
  [
    'a destination that is gone is none',
    { sequence: 1, destinations: { gone: { sequence: 9, offset: 0 } } },
    0,
  ],
])('%s', async (_, was, warnings) => {
  await using journal = await open();
  await journal.commit(page({ records: records(3) }));
  await journal.acknowledge('siem', { position: { sequence: 1, offset: 2 }, response: 'ok', now: 0 });
  await writeFile(join(path, 'penstock.last'), JSON.stringify({ ...was, written: '2026-01-01T00:00:00Z' }));

  await journal.compareLast();

  const warned = lines.filter((line) => line.includes('The state is older than one that was used here'));
  expect([warned.length, lines.length]).toEqual([warnings, warnings]);
});

test.each(['', 'nonsense', '{"sequence":"9"}', 'null'])(
  'a note with the content %j does not stop the journal from opening',
  async (content) => {
    await using journal = await open();
    await writeFile(join(path, 'penstock.last'), content);

    await journal.compareLast();

    expect(lines.join('')).toContain('penstock.last could not be read');
  },
);

test('a note that cannot be written stops nothing', async () => {
  await using journal = await open();
  await journal.commit(page({ records: records(1) }));
  await mkdir(join(path, 'penstock.last'));

  await journal.noteLast(0);
  await journal.noteLast(0);

  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('penstock.last could not be written');
});
