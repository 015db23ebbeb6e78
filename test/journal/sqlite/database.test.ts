import { copyFile, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { isStateThere, openJournal, openJournalReadOnly } from '../../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { held } from '../support/commits.ts';
import { options, usedState } from '../support/states.ts';

const PAGE = 4096;

/**
 * A state as a full disk leaves it, and as it is for an instant beside a busy daemon: the log is half checkpointed into the
 * database. Its first page is newer than the rest and refers to pages that only the log has.
 */
async function halfCheckpointed(path: string): Promise<void> {
  await usedState(path);
  const file = join(path, 'penstock.db');
  {
    using database = new DatabaseSync(file);
    database.exec(`PRAGMA wal_autocheckpoint = 0;
      INSERT INTO meta (name, value) VALUES ('long', printf('%.*c', ${40 * PAGE}, 'x'))`);
    for (const name of ['', '-wal']) await copyFile(`${file}${name}`, `${file}${name}.kept`);
  }
  const checkpointed = await readFile(file);
  for (const name of ['', '-wal']) await copyFile(`${file}${name}.kept`, `${file}${name}`);
  await using handle = await open(file, 'r+');
  await handle.write(checkpointed, 0, PAGE, 0);
}

test('a log that is half checkpointed into the database is not corruption', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'state');
  await halfCheckpointed(path);

  expect(isStateThere(path)).toBe(true);
  {
    await using view = await openJournalReadOnly(path);
    expect(await view.streams.all()).toHaveLength(1);
  }
  await using journal = await openJournal(options(path));
  expect(await held(journal)).toEqual(['event-0', 'event-1']);
});
