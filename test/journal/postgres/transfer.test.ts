import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { parseJson, toJson } from '../../../src/core/json.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import {
  exportPostgres,
  forgetInPostgres,
  importPostgres,
  openPostgres,
} from '../../../src/journal/postgres/open.ts';
import { openJournal } from '../../../src/journal/sqlite/open.ts';
import { exportState, importState } from '../../../src/journal/sqlite/transfer.ts';
import { StateDocument } from '../../../src/journal/state-document.ts';
import { NO_POSTGRES, ownSchema } from '../../support/postgres.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { KEY, letters, page, records, STREAM } from '../support/commits.ts';
import { placeAt } from '../support/databases.ts';
import { options } from '../support/states.ts';

const LONG = `bucket\\|\ud83d${'x'.repeat(300)}`;
const KEYS = [LONG, `${LONG}y`, 'short\ud83e', '\\d83e', 'a\0b'];
const ledger = KEYS.map((key, at) => ({
  key,
  at,
  uid: `uid ${at}`,
  value: { at, text: '\0\ud83d', big: 2n ** 60n },
}));

/** Fills a journal with everything that moves, and with what does not. */
async function fill(journal: Journal): Promise<void> {
  await journal.sources.open([{ ...STREAM, name: STREAM.source }]);
  const [, odd] = await journal.streams.openAll([
    STREAM,
    { ...STREAM, account: 'a|b', scope: '\0|\ud83d', cursorVersion: 3 },
  ]);
  await journal.destinations.open(['siem'], 0);
  const gap = { from: 1, to: 2, reason: 'journal-full', part: '\ud83d' };
  const covered = { from: 5, to: 9 };
  await journal.commit(
    page({ ledger, unemittedGaps: [gap], gaps: [{ ...gap, part: '' }], covered, records: records(2) }),
  );
  await journal.commit(
    page({
      closedGaps: [gap],
      complete: true,
      cursor: { at: 9_007_199_254_740_993n, text: '\0' },
      deferred: 3,
      dropped: 2,
    }),
  );
  await journal.commit(page({ stream: odd?.key ?? '', ledger, hashLongKeys: true, gaps: [gap] }));
  await journal.sources.orphanStreams(STREAM.source, ['']);
}

/** As a file holds it. */
function written(document: StateDocument): StateDocument {
  return StateDocument.parse(parseJson(toJson(document)));
}

async function onPostgres() {
  const own = await ownSchema();
  const place = placeAt(own.url, { schema: own.schema });
  return {
    place,
    open: () => openPostgres({ place, clock: systemClock, maxBytes: 2 ** 30, retain: 0 }),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}

describe.skipIf(NO_POSTGRES)('a state that moves', () => {
  test('is the same document after SQLite, PostgreSQL and SQLite again', async () => {
    await using directory = await temporaryDirectory();
    const [from, to] = [options(join(directory.path, 'from')), options(join(directory.path, 'to'))];
    await using between = await onPostgres();
    {
      await using journal = await openJournal(from);
      await fill(journal);
    }

    const first = written(exportState(from, 0));
    await importPostgres(between.place, first);
    const second = written(await exportPostgres(between.place, 0));
    importState(to, second);
    const third = written(exportState(to, 0));

    expect(first.streams).toHaveLength(2);
    expect(first.streams.flatMap((stream) => stream.ledger)).toHaveLength(10);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  test('is the same document from PostgreSQL as from SQLite, and takes as much there', async () => {
    await using directory = await temporaryDirectory();
    const path = options(join(directory.path, 'state'));
    await using database = await onPostgres();
    await using one = await openJournal(path);
    await using other = await database.open();
    await fill(one);
    await fill(other);

    const times = { last_complete: 0, opened: 0, closed: 0 };
    const withoutTimes = ({ streams }: StateDocument) =>
      streams.map((stream) => ({
        ...stream,
        ...times,
        gaps: stream.gaps.map((gap) => ({ ...gap, ...times })),
      }));
    const [from, to] = [exportState(path, 0), await exportPostgres(database.place, 0)];

    expect(withoutTimes(to)).toEqual(withoutTimes(from));
    expect(await other.ledger.sizeOf(STREAM.source)).toEqual(await one.ledger.sizeOf(STREAM.source));
  });

  test('goes on where it was: cursors, ledger, sizes and gaps', async () => {
    await using directory = await temporaryDirectory();
    const path = options(join(directory.path, 'state'));
    await using database = await onPostgres();
    await using before = await openJournal(path);
    await fill(before);

    await importPostgres(database.place, exportState(path, 0));
    await using after = await database.open();

    const found = await after.ledger.lookup(KEY, KEYS);
    expect(KEYS.map((key) => found.get(key))).toEqual(ledger.map(({ uid, value }) => ({ uid, value })));
    expect(await after.ledger.sizeOf(STREAM.source)).toEqual(await before.ledger.sizeOf(STREAM.source));
    expect(await after.gaps.of(KEY)).toEqual(await before.gaps.of(KEY));
    expect(await after.coverage.of(KEY)).toEqual([{ from: 5, to: 9 }]);
    const { knownSince: _, ...stream } = await after.streams.open(STREAM);
    expect(stream).toMatchObject({
      cursor: { at: 9_007_199_254_740_993n, text: '\0' },
      deferred: 3,
      dropped: 2,
    });
  });

  test('is not imported over another one, and then nothing changes', async () => {
    await using database = await onPostgres();
    await using journal = await database.open();
    await journal.streams.open(STREAM);
    const document = await exportPostgres(database.place, 0);

    const refused = importPostgres(database.place, { ...document, streams: [...document.streams] });

    await expect(refused).rejects.toThrow(/is not empty.*state\.postgres\.schema/s);
    expect(await exportPostgres(database.place, 0)).toEqual(document);
  });
});

describe.skipIf(NO_POSTGRES)('a source that is forgotten on PostgreSQL', () => {
  test('leaves what waits for delivery and its dead letters, and nothing else', async () => {
    await using database = await onPostgres();
    await using journal = await database.open();
    await fill(journal);
    await journal.acknowledge('siem', {
      position: { sequence: 1, offset: 1 },
      response: '400',
      now: 0,
      deadLetters: letters(1, 'no'),
    });

    const forgotten = await forgetInPostgres(database.place, STREAM.source);

    expect(forgotten).toEqual({ streams: 2, ledger: 10 });
    expect(await journal.ledger.lookup(KEY, KEYS)).toEqual(new Map());
    expect(await journal.ledger.sizeOf(STREAM.source)).toEqual({ entries: 0, bytes: 0 });
    expect(await journal.gaps.of()).toEqual([]);
    expect(await journal.streams.all()).toMatchObject([{ key: KEY, cursor: undefined, orphaned: true }]);
    expect(await journal.destinations.waiting('siem')).toBe(1);
    expect(await journal.deadLetters.count('siem')).toBe(1);
    await journal.sources.requireSame([{ ...STREAM, name: STREAM.source, type: 'another' }]);
  });
});
