import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { JournalPage } from '../../../src/journal/delivery.ts';
import { comparable, held, KEY, page, records, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

export function describeCommit(subject: Subject): void {
  describe('commit', () => {
    beforeEach(() => subject.journal.streams.open(STREAM));

    test('a page comes back as it was committed, also after reopening', async () => {
      const [encoded] = records(200);
      if (encoded === undefined) throw new Error('There are some.');
      const { stream, source, ...rest } = page({ lane: 'backfill', observedAt: 7, records: [encoded] });

      await subject.journal.commit({ stream, source, ...rest });
      const fresh = await subject.journal.pages.read({ sequence: 0, offset: 0 });
      await subject.reopen();
      const read = await subject.journal.pages.read({ sequence: 0, offset: 0 });

      const expected: JournalPage = {
        sequence: 1,
        stream,
        source,
        lane: 'backfill',
        observedAt: 7,
        committedAt: subject.clock.now(),
        ...encoded,
      };
      expect([fresh, read].map(comparable)).toEqual([expected, expected].map(comparable));
    });

    test('records that nothing compresses come back as they were committed', async () => {
      const bytes = Buffer.concat([Buffer.from([0x12, 0x40]), randomBytes(64)]);

      await subject.journal.commit(page({ records: [{ dataset: 'd', count: 1, bytes }] }));
      await subject.reopen();

      const read = await subject.journal.pages.read({ sequence: 0, offset: 0 });
      expect(read && Buffer.from(read.bytes)).toEqual(bytes);
    });

    test('the records of each dataset are a page of their own, in their order', async () => {
      const [first, second, third] = ['a', 'b', 'c'].flatMap((name) => records(2, name));
      if (first === undefined || second === undefined || third === undefined)
        throw new Error('There are three.');

      await subject.journal.commit(
        page({ records: [first, { ...second, dataset: 'penstock.gaps' }, third] }),
      );

      expect(await held(subject.journal)).toEqual(['a-0', 'a-1', 'b-0', 'b-1', 'c-0', 'c-1']);
      const middle = await subject.journal.pages.read({ sequence: 2, offset: 0 });
      expect(middle).toMatchObject({ dataset: 'penstock.gaps', count: 2 });
    });

    test('cursor, ledger, coverage and gaps of a page are stored together, also after reopening', async () => {
      const gap = { from: 5, to: 9, reason: 'page-limit', part: 'tenant' };

      await subject.journal.commit(
        page({
          records: records(2),
          ledger: [{ key: 'k', at: 3, uid: 'u', value: { status: 'open', id: 2n ** 64n } }],
          cursor: { at: 9, id: 2n ** 63n },
          covered: { from: 0, to: 5 },
          gaps: [gap],
          deferred: 3,
        }),
      );
      await subject.reopen();

      const [stream] = await subject.journal.streams.all();
      expect(stream).toMatchObject({ cursor: { at: 9, id: 2n ** 63n }, ledger: 1, deferred: 3 });
      expect(await subject.journal.ledger.lookup(KEY, ['k', 'other'])).toEqual(
        new Map([['k', { uid: 'u', value: { status: 'open', id: 2n ** 64n } }]]),
      );
      expect(await subject.journal.coverage.of(KEY)).toEqual([{ from: 0, to: 5 }]);
      expect(await subject.journal.gaps.of(KEY)).toEqual([
        { ...gap, stream: KEY, opened: subject.clock.now(), closed: undefined },
      ]);
    });

    test('dropped events are added up with the pages that they were on, and outlast a restart', async () => {
      await subject.journal.commit(page({ dropped: 3 }));
      await subject.journal.commit(page({ dropped: 2, lane: 'backfill' }));
      await subject.journal.commit(page({}));
      await subject.reopen();

      expect(await subject.journal.streams.all()).toMatchObject([{ dropped: 5 }]);
    });

    test('a stream says up to when it was read', async () => {
      await subject.journal.commit(page({ covered: { from: 20, to: 30 } }));
      await subject.journal.commit(page({ covered: { from: 5, to: 10 } }));

      expect(await subject.journal.streams.all()).toMatchObject([{ readUpTo: 30 }]);
    });

    test('the poll that ends with a page is recorded with it, or not at all', async () => {
      const poll = {
        stream: KEY,
        source: 'console',
        at: 7,
        durationMs: 1,
        requests: 1,
        rows: 2,
        new: 2,
        changed: 0,
      };
      const complete = { ...poll, outcome: 'complete' };
      const gap = { from: 0, to: 1, part: '', reason: undefined as unknown as string };

      const failed = subject.journal.commit(page({ poll: complete, gaps: [gap] }));
      await expect(failed).rejects.toBeInstanceOf(Error);
      const none = await subject.journal.polls.last(KEY, 5);
      await subject.journal.commit(page({ poll: complete, complete: true }));

      expect(none).toEqual([]);
      expect(await subject.journal.polls.last(KEY, 5)).toEqual([{ ...complete, error: undefined }]);
      expect(await subject.journal.streams.all()).toMatchObject([{ asked: 7 }]);
    });

    test('nothing of a page is stored when a part of it cannot be written', async () => {
      await subject.journal.commit(page({ cursor: { at: 1 } }));
      const broken = page({
        records: records(1),
        ledger: [{ key: 'k', at: 1, uid: 'u', value: {} }],
        cursor: { at: 2 },
        covered: { from: 0, to: 1 },
        gaps: [{ from: 0, to: 1, part: '', reason: undefined as unknown as string }],
      });

      await expect(subject.journal.commit(broken)).rejects.toBeInstanceOf(Error);

      expect(await subject.journal.streams.all()).toMatchObject([{ cursor: { at: 1 }, ledger: 0 }]);
      expect(await subject.journal.coverage.of(KEY)).toEqual([]);
      expect(await held(subject.journal)).toEqual([]);
    });

    test('a page without records moves the cursor and is not delivered', async () => {
      await subject.journal.commit(page({ cursor: { at: 1 } }));

      expect(await subject.journal.pages.read({ sequence: 0, offset: 0 })).toBeUndefined();
      expect(await subject.journal.streams.all()).toMatchObject([{ cursor: { at: 1 } }]);
    });

    test('a commit without a cursor keeps the old one, and a null cursor is a cursor', async () => {
      await subject.journal.commit(page({ cursor: { at: 1 } }));
      await subject.journal.commit(page());
      const kept = await subject.journal.streams.all();
      await subject.journal.commit(page({ cursor: null }));

      expect(kept).toMatchObject([{ cursor: { at: 1 } }]);
      expect(await subject.journal.streams.all()).toMatchObject([{ cursor: null }]);
    });

    test('a page of a backfill keeps what the live lane deferred', async () => {
      await subject.journal.commit(page({ deferred: 4 }));
      await subject.journal.commit(page({ deferred: 0, lane: 'backfill' }));

      expect(await subject.journal.streams.all()).toMatchObject([{ deferred: 4 }]);
    });

    test('a complete poll is dated by our clock, and clears the last error', async () => {
      const poll = {
        stream: KEY,
        source: 'console',
        at: 1,
        durationMs: 1.5,
        requests: 1,
        rows: 0,
        new: 0,
        changed: 0,
      };
      await subject.journal.polls.record({ ...poll, outcome: 'UnavailableError', error: 'No answer.' });
      const [failed] = await subject.journal.streams.all();

      await subject.journal.commit(page({ complete: true, observedAt: 12 }));

      expect(failed).toMatchObject({ lastError: 'No answer.', lastComplete: undefined });
      expect(await subject.journal.streams.all()).toMatchObject([
        { lastError: undefined, lastComplete: subject.clock.now() },
      ]);
    });
  });
}
