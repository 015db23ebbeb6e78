import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import type { Logger } from '../../../src/core/log.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { describeJournal } from '../contract.ts';

describeJournal('the SQLite journal', async () => {
  const directory = await temporaryDirectory();
  return {
    open: (options) => openJournal({ ...options, path: join(directory.path, 'state'), maxBytes: 2 ** 31 }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
});

test('requests that no longer count because the clock went back are logged', async () => {
  await using directory = await temporaryDirectory();
  const warn = vi.fn<Logger['warn']>();
  const log = { warn } as unknown as Logger;
  await using journal = await openJournal({ path: directory.path, maxBytes: 2 ** 31, retain: 0, log });
  await journal.quotas.spend('quota', { requests: 1, per: 10 }, 1_000);

  await journal.quotas.spend('quota', { requests: 1, per: 10 }, 1);

  expect(warn).toHaveBeenCalledExactlyOnceWith(
    { penstock: { budget: 'quota', dropped: 1 } },
    expect.stringContaining('clock went back'),
  );
});
