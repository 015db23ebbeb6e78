import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { StateDocument } from '../../../src/journal/state-document.ts';
import { exportState, importState } from '../../../src/journal/sqlite/transfer.ts';
import { parseJson, toJson } from '../../../src/core/json.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { KEY, page, STREAM } from '../support/commits.ts';
import { options } from '../support/states.ts';

const LONG = `bucket\\|\ud83d${'x'.repeat(300)}`;

test.each([true, false])('long and odd keys move to another state (hashed: %s)', async (hashLongKeys) => {
  await using directory = await temporaryDirectory();
  const [from, to] = ['from', 'to'].map((name) => options(join(directory.path, name)));
  if (from === undefined || to === undefined) throw new Error('There are two.');
  const keys = [LONG, `${LONG}y`, 'short\ud83e', '\\d83e', 'a\0b'];
  {
    await using journal = await openJournal(from);
    await journal.streams.open(STREAM);
    const ledger = keys.map((key, at) => ({ key, at, uid: 'u', value: { at } }));
    const gap = { from: 1, to: 2, reason: 'journal-full', part: '\ud83d' };
    await journal.commit(page({ ledger, hashLongKeys, unemittedGaps: [gap] }));
  }

  importState(to, StateDocument.parse(parseJson(toJson(exportState(from, 0)))));
  await using before = await openJournal(from);
  await using after = await openJournal(to);

  const found = await after.ledger.lookup(KEY, keys);
  expect(keys.map((key) => found.get(key)?.value)).toEqual(keys.map((_, at) => ({ at })));
  expect(await after.ledger.sizeOf(STREAM.source)).toEqual(await before.ledger.sizeOf(STREAM.source));
  expect(await after.ledger.withPrefix(KEY, 'bucket')).toEqual(await before.ledger.withPrefix(KEY, 'bucket'));
  expect(await after.gaps.of(KEY)).toMatchObject([{ part: '\ud83d', unemitted: true }]);
});
