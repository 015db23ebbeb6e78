import { beforeEach, describe, expect, test } from 'vitest';
import type { BacklogLimit } from '../../../src/config/types.ts';
import { BACKLOG_FULL } from '../../../src/journal/delivery.ts';
import { firstUid, letters, page, records, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

const MINUTE = 60_000;

export function describeBacklog(subject: Subject): void {
  const beyond = (limit: BacklogLimit, sources?: readonly string[]) =>
    subject.journal.destinations.backlogBeyond('siem', limit, subject.clock.now(), sources);

  describe('a backlog', () => {
    beforeEach(async () => {
      await subject.journal.streams.open(STREAM);
      await subject.journal.destinations.open(['siem', 'lake'], subject.clock.now());
    });

    test('a backlog exceeds a size by its oldest pages, never by the newest', async () => {
      await subject.commitThree();

      const none = await beyond({ bytes: 100_000 });
      const all = await beyond({ bytes: 1 });
      await subject.pass('siem', 2);
      const last = await beyond({ bytes: 1 });

      expect(none).toBeUndefined();
      expect(all && firstUid(await subject.journal.pages.read(all))).toBe('c-0');
      expect(last).toBeUndefined();
    });

    test('a backlog exceeds an age by the pages committed before it', async () => {
      await subject.journal.commit(page({ records: records(1, 'a') }));
      await subject.clock.advance(10 * MINUTE);
      await subject.journal.commit(page({ records: records(1, 'b') }));

      const young = await beyond({ age: 10 * MINUTE });
      const old = await beyond({ age: 10 * MINUTE - 1 });
      await subject.clock.advance(10 * MINUTE);
      const both = await beyond({ age: 9 * MINUTE });

      expect(young).toBeUndefined();
      expect(old && firstUid(await subject.journal.pages.read(old))).toBe('b-0');
      expect(both && (await subject.journal.pages.read(both))).toBeUndefined();
    });

    test('a backlog holds only events of the sources that the destination receives', async () => {
      await subject.commitThree();

      expect(await beyond({ bytes: 1 }, ['another'])).toBeUndefined();
      expect(await beyond({ bytes: 1 }, [STREAM.source])).toBeDefined();
    });

    test('skipped events are one gap of their destination until it ends, with a count and a span', async () => {
      await subject.commitThree();
      const missed = { from: 5, to: 8, events: 2, sources: { console: 2 } };
      const skip = { position: { sequence: 1, offset: 0 }, missed, deadLetters: [] };

      const began = await subject.journal.destinations.skip('siem', skip, 100);
      const grew = await subject.journal.destinations.skip(
        'siem',
        {
          ...skip,
          missed: { from: 2, to: 6, events: 1, sources: { desk: 1 } },
          position: { sequence: 2, offset: 0 },
        },
        200,
      );
      await subject.journal.destinations.endGap('siem', 300);
      const last = { ...skip, position: { sequence: 3, offset: 0 } };
      const anew = await subject.journal.destinations.skip('siem', last, 400);
      await subject.reopen();

      expect([began, grew, anew]).toEqual([true, false, true]);
      expect(await subject.journal.destinations.gaps()).toEqual([
        {
          destination: 'siem',
          from: 2,
          to: 8,
          events: 3,
          sources: { console: 2, desk: 1 },
          opened: 100,
          ended: 300,
        },
        { destination: 'siem', ...missed, opened: 400, ended: undefined },
      ]);
      expect(await subject.positionOf('siem')).toEqual({ sequence: 3, offset: 0 });
      expect(await subject.positionOf('lake')).toEqual({ sequence: 0, offset: 0 });
      expect(BACKLOG_FULL).toBe('backlog-full');
    });

    test('a skip that is repeated, or that is behind the position, counts nothing twice', async () => {
      await subject.commitThree();
      const missed = { from: 5, to: 8, events: 2, sources: { console: 2 } };
      const skip = { position: { sequence: 2, offset: 0 }, missed, deadLetters: letters(1, 'too old') };

      const began = await subject.journal.destinations.skip('siem', skip, 100);
      const repeated = await subject.journal.destinations.skip('siem', skip, 200);
      const behind = { ...skip, position: { sequence: 1, offset: 0 } };
      await subject.journal.destinations.skip('siem', behind, 300);
      await subject.journal.destinations.endGap('siem', 400);
      const after = await subject.journal.destinations.skip('siem', skip, 500);

      expect([began, repeated, after]).toEqual([true, false, false]);
      expect(await subject.journal.destinations.gaps()).toEqual([
        { destination: 'siem', ...missed, opened: 100, ended: 400 },
      ]);
      expect(await subject.journal.deadLetters.count('siem')).toBe(1);
      expect(await subject.positionOf('siem')).toEqual({ sequence: 2, offset: 0 });
    });

    test('events that the destination does not receive are skipped without a gap', async () => {
      await subject.commitThree();

      const began = await subject.journal.destinations.skip(
        'siem',
        { position: { sequence: 3, offset: 0 }, missed: undefined, deadLetters: [] },
        1,
      );

      expect(began).toBe(false);
      expect(await subject.journal.destinations.gaps()).toEqual([]);
      expect(await subject.positionOf('siem')).toEqual({ sequence: 3, offset: 0 });
    });
  });
}
