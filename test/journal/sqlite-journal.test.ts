import { join } from 'node:path';
import { openJournal } from '../../src/journal/sqlite-journal.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { describeJournal } from './contract.ts';

describeJournal('the SQLite journal', async () => {
  const directory = await temporaryDirectory();
  return {
    open: (options) => openJournal({ ...options, path: join(directory.path, 'state'), maxBytes: 2 ** 31 }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
});
