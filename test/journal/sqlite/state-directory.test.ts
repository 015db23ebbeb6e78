import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StateError } from '../../../src/core/errors.ts';
import {
  openJournal,
  openJournalForJobs,
  openJournalForQuotas,
  openJournalReadOnly,
} from '../../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { held, page, records, STREAM } from '../support/commits.ts';
import { LOCAL, options, peek, tamper, usedState } from '../support/states.ts';

const nfs = () => ({ ...LOCAL, type: 0x6969 });

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'state');
});

afterEach(() => directory[Symbol.asyncDispose]());

/** The words with which opening is refused; no file may be added, removed or changed by it. */
async function refusal(changes: Parameters<typeof options>[1] = {}): Promise<string> {
  const before = await contents(path);
  const error: unknown = await openJournal(options(path, changes)).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(StateError);
  expect(await contents(path)).toEqual(before);
  return (error as StateError).message;
}

const forBudgets = (state: string) => openJournalForQuotas(options(state));
const forRequests = (state: string) => openJournalForJobs(options(state));

/** The files of a folder (or a file itself) by name, as hashes. */
async function contents(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return new Map();
  if (!found.isDirectory()) return new Map([['', await hashOf(folder)]]);
  const names = await readdir(folder);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await hashOf(join(folder, name))] as const)),
  );
}

async function hashOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}

async function modeOf(file: string): Promise<string> {
  return ((await stat(file)).mode & 0o777).toString(8);
}

describe('a first run', () => {
  test('a first run creates the directory and its files for the owner alone', async () => {
    await using journal = await openJournal(options(join(path, 'deep')));

    expect(await journal.streams.all()).toEqual([]);
    expect(await modeOf(join(path, 'deep'))).toBe('700');
    for (const name of await readdir(join(path, 'deep')))
      expect(await modeOf(join(path, 'deep', name))).toBe('600');
  });

  test('a first run sets what cannot be set later', async () => {
    await using _ = await openJournal(options(path));
    const file = join(path, 'penstock.db');

    expect(peek(file, 'PRAGMA auto_vacuum')).toEqual({ auto_vacuum: 2 });
    expect(peek(file, 'PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
    expect(peek(file, 'PRAGMA application_id')).toEqual({ application_id: 0x50_6e_73_74 });
    expect(peek(file, 'PRAGMA user_version')).toEqual({ user_version: 1 });
  });

  test.each(['lost+found', 'notes.txt'])('a directory that holds only %s is a first run', async (name) => {
    await mkdir(path);
    await writeFile(join(path, name), '');

    await using journal = await openJournal(options(path));

    expect(await journal.streams.all()).toEqual([]);
  });

  test('a first run keeps the mode of an existing directory', async () => {
    await mkdir(path);
    await chmod(path, 0o755);

    await using _ = await openJournal(options(path));

    expect(await modeOf(path)).toBe('755');
  });

  test('a first run that was cut off before the database was complete is a first run again', async () => {
    await mkdir(path);
    await writeFile(join(path, 'penstock.lock'), '');
    await writeFile(join(path, 'penstock.db.new'), 'half a database');

    await using journal = await openJournal(options(path));

    expect(await journal.streams.all()).toEqual([]);
    expect(await readdir(path)).not.toContain('penstock.db.new');
  });
});

describe('a state that cannot be used', () => {
  test('a state whose path is a file cannot be used', async () => {
    await writeFile(path, 'something');

    expect(await refusal()).toMatch(/not a directory.*state\.path/);
  });

  test('a state below a file cannot be used', async () => {
    await writeFile(path, 'something');

    await expect(openJournal(options(join(path, 'below')))).rejects.toThrow(StateError);
  });

  test('a state that has lost its database is refused, and the error lists the choices', async () => {
    await usedState(path);
    await rm(join(path, 'penstock.db'));

    expect(await refusal()).toMatch(/lost its database.*penstock\.lock.*restore.*begin again/);
  });

  test.each(['penstock.db-wal', 'penstock.db.v1', 'penstock.last'])(
    'a state of which only %s is left is refused',
    async (name) => {
      await mkdir(path);
      await writeFile(join(path, name), 'x');

      expect(await refusal()).toMatch(new RegExp(`lost its database.*${name}`));
    },
  );

  test('the database of another application is refused and not changed', async () => {
    await mkdir(path);
    tamper(join(path, 'penstock.db'), 'CREATE TABLE theirs (x)');

    expect(await refusal()).toMatch(/another application/);
  });

  test('an empty database file is refused', async () => {
    await mkdir(path);
    await writeFile(join(path, 'penstock.db'), '');

    expect(await refusal()).toMatch(/empty file/);
  });

  test('a file that is no database is refused', async () => {
    await mkdir(path);
    await writeFile(join(path, 'penstock.db'), 'no database, but long enough to be looked at '.repeat(100));

    expect(await refusal()).toMatch(/corrupt or not a database.*backup/);
  });

  test('a database with damaged pages is refused', async () => {
    await usedState(path);
    const file = join(path, 'penstock.db');
    const bytes = await readFile(file);
    bytes.fill(0xa5, 4096 * 3, 4096 * 12);
    await writeFile(file, bytes);

    expect(await refusal()).toMatch(/corrupt.*backup/);
  });

  test('a foreign lock file is refused', async () => {
    await usedState(path);
    await writeFile(
      join(path, 'penstock.lock'),
      'not ours, and long enough to be read as a header'.repeat(100),
    );

    expect(await refusal()).toMatch(/penstock\.lock.*it is not a lock file of Penstock/);
  });

  test('a state of a newer release is refused, and the error says how to go back', async () => {
    await usedState(path);
    await copyFile(join(path, 'penstock.db'), join(path, 'penstock.db.v1'));
    tamper(join(path, 'penstock.db'), 'PRAGMA user_version = 9');

    expect(await refusal()).toMatch(
      /newer release \(schema version 9.*knows 1\).*penstock\.db-wal.*rename penstock\.db\.v1/,
    );
  });

  test.each([
    { name: 'lacks the table held', sql: 'DROP TABLE held', words: 'table held is missing' },
    { name: 'has an extra table', sql: 'CREATE TABLE spent (x)', words: 'table spent is unknown' },
    {
      name: 'lacks a column',
      sql: 'ALTER TABLE source DROP COLUMN account',
      words: 'table source is different',
    },
    {
      name: 'has another trigger',
      sql: 'DROP TRIGGER page_added; CREATE TRIGGER page_added AFTER INSERT ON page BEGIN SELECT 1; END',
      words: 'trigger page_added is different',
    },
  ])(
    'a state of an unreleased build that $name is refused by every way of opening it',
    async ({ sql, words }) => {
      await usedState(path);
      tamper(join(path, 'penstock.db'), sql);

      const message = await refusal();

      expect(message).toMatch(
        /earlier build of Penstock that was not released.*version is 1.*its tables differ/,
      );
      expect(message).toContain(words);
      expect(message).toMatch(
        /deliver what it holds with the build that made it.*start with an empty directory/,
      );
      for (const open of [openJournalReadOnly, forBudgets, forRequests]) {
        const error: unknown = await open(path).catch((error: unknown) => error);
        expect(error).toBeInstanceOf(StateError);
        expect((error as StateError).message).toBe(message);
      }
    },
  );

  test('a state on a network file system is refused unless that is allowed', async () => {
    expect(await refusal({ statfs: nfs })).toMatch(/network file system \(NFS\).*allow_network_fs: true/);
    await using journal = await openJournal(options(path, { statfs: nfs, allowNetworkFs: true }));

    expect(await journal.streams.all()).toEqual([]);
  });

  test('a state that cannot be written is refused, and the error says why', async () => {
    await expect(openJournal(options('/proc/penstock/state'))).rejects.toThrow(/cannot be used: ENOENT/);
  });

  test('a state that was removed while it was open is refused', async () => {
    await using journal = await openJournal(options(path));
    await rm(path, { recursive: true });

    await expect(journal.room(0)).rejects.toThrow(/removed or replaced/);
  });

  test.each(['penstock.db', 'penstock.db-wal', 'penstock.db-shm', 'penstock.lock'])(
    'nothing is written to a state whose %s was removed while it was open',
    async (name) => {
      await using journal = await openJournal(options(path));
      await journal.streams.open(STREAM);
      await journal.destinations.open(['siem'], 0);
      await journal.requirePresent();
      await rm(join(path, name));

      const refused = new RegExp(`${name} was removed or replaced`);
      await expect(journal.requirePresent()).rejects.toThrow(refused);
      await expect(journal.commit(page({ records: records(1) }))).rejects.toThrow(refused);
      await expect(journal.quotas.spend('b', { requests: 1, per: 1000 }, 0)).rejects.toThrow(refused);
      const acknowledgement = { position: { sequence: 1, offset: 0 }, response: 'HTTP 200', now: 0 };
      await expect(journal.acknowledge('siem', acknowledgement)).rejects.toThrow(refused);
      await expect(journal.sources.setNextDue('console', 1)).rejects.toThrow(refused);
      await expect(journal.jobs.noteProgress(1, {})).rejects.toThrow(refused);
    },
  );

  test('a state whose log was removed while it was open keeps what was committed', async () => {
    const journal = await openJournal(options(path));
    await journal.streams.open(STREAM);
    await journal.destinations.open(['siem'], 0);
    await journal.commit(page({ records: records(2) }));
    await rm(join(path, 'penstock.db-wal'));
    await expect(journal.requirePresent()).rejects.toThrow(StateError);
    await journal[Symbol.asyncDispose]();

    await using again = await openJournal(options(path));

    expect(await held(again)).toEqual(['event-0', 'event-1']);
  });
});

describe('the lock', () => {
  test('the lock refuses a second holder and says which process has it', async () => {
    await using _ = await openJournal(options(path));

    const second = openJournal(options(path));

    await expect(second).rejects.toThrow(StateError);
    await expect(second).rejects.toThrow(new RegExp(`in use by process ${process.pid} on host .+, since 2`));
  });

  test('the lock ends with the journal', async () => {
    await usedState(path);

    await using journal = await openJournal(options(path));

    expect(await held(journal)).toEqual(['event-0', 'event-1']);
  });
});

describe('reading beside the holder', () => {
  test('a reader beside the holder sees what is committed, and takes no lock', async () => {
    await using journal = await openJournal(options(path));
    await using view = await openJournalReadOnly(path);
    const before = await view.streams.all();

    await journal.streams.open({
      source: 's',
      type: 't',
      origin: 'o',
      account: '',
      scope: '',
      cursorVersion: 1,
    });

    expect(before).toEqual([]);
    expect(await view.streams.all()).toMatchObject([{ key: 't|o|' }]);
  });

  test('a state that does not exist reads as empty and is not created', async () => {
    await using view = await openJournalReadOnly(path);

    expect(await view.stats()).toEqual({ events: 0, bytes: 0, oldest: undefined });
    expect(await readdir(directory.path)).toEqual([]);
  });

  test('a reader refuses a state that has lost its database', async () => {
    await usedState(path);
    await rm(join(path, 'penstock.db'));

    await expect(openJournalReadOnly(path)).rejects.toThrow(/lost its database/);
  });
});
