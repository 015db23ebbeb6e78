import { beforeEach, describe, expect, test } from 'vitest';
import { comparable, firstUid, letters, page, records, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

export function describeDelivery(subject: Subject): void {
  describe('delivery', () => {
    beforeEach(() => subject.journal.streams.open(STREAM));

    test('pages are read in order, from the position on', async () => {
      for (const name of ['a', 'b', 'c']) await subject.journal.commit(page({ records: records(2, name) }));
      const first = await subject.journal.pages.read({ sequence: 0, offset: 0 });
      const at = first?.sequence ?? 0;

      const rest = await subject.journal.pages.read({ sequence: at, offset: 1 });
      const exhausted = await subject.journal.pages.read({ sequence: at, offset: 2 });
      const next = await subject.journal.pages.read({ sequence: at + 1, offset: 0 });

      expect(comparable(rest)).toEqual(comparable(first));
      expect(firstUid(exhausted)).toBe('b-0');
      expect(comparable(next)).toEqual(comparable(exhausted));
      expect(await subject.journal.pages.read({ sequence: at + 2, offset: 2 })).toBeUndefined();
    });

    test('a page that was committed and trimmed is not read again', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.commitThree();
      const first = await subject.journal.pages.read({ sequence: 1, offset: 0 });
      await subject.pass('siem', 2);
      await subject.journal.trim(subject.clock.now());

      const next = await subject.journal.pages.read({ sequence: 1, offset: 0 });

      expect([first, next].map(firstUid)).toEqual(['a-0', 'c-0']);
    });

    test('a page that could not be committed is not read, and the next one is', async () => {
      const gap = { from: 0, to: 1, part: '', reason: undefined as unknown as string };
      const failed = subject.journal.commit(page({ records: records(1, 'a'), gaps: [gap] }));
      await expect(failed).rejects.toBeInstanceOf(Error);
      const none = await subject.journal.pages.read({ sequence: 1, offset: 0 });
      await subject.journal.commit(page({ records: records(1, 'b') }));

      expect(none).toBeUndefined();
      expect(firstUid(await subject.journal.pages.read({ sequence: 1, offset: 0 }))).toBe('b-0');
    });

    test('a page that was just committed has the name that its source has now', async () => {
      await subject.commitThree();
      await subject.journal.streams.open({ ...STREAM, source: 'renamed' });

      const renamed = await subject.journal.pages.read({ sequence: 2, offset: 0 });

      expect(renamed).toMatchObject({ sequence: 2, source: 'renamed' });
    });

    test('a new destination begins at the oldest page held', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.commitThree();
      await subject.pass('siem', 2);
      await subject.journal.trim(subject.clock.now());

      await subject.journal.destinations.open(['siem', 'lake'], subject.clock.now());

      const position = await subject.positionOf('lake');
      expect(position && firstUid(await subject.journal.pages.read(position))).toBe('c-0');
    });

    test('a position only moves forward, and the last response is kept', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.journal.acknowledge('siem', {
        position: { sequence: 3, offset: 5 },
        response: 'first',
        now: 1,
      });
      await subject.journal.acknowledge('siem', {
        position: { sequence: 3, offset: 4 },
        response: 'second',
        now: 2,
      });
      await subject.journal.acknowledge('siem', {
        position: { sequence: 2, offset: 9 },
        response: 'third',
        now: 3,
      });
      await subject.reopen();

      const [siem] = await subject.journal.destinations.all();

      expect(siem).toMatchObject({
        position: { sequence: 3, offset: 5 },
        lastResponse: 'third',
        lastResponseAt: 3,
      });
    });

    test('a destination that was never opened cannot be written to', async () => {
      await expect(
        subject.journal.acknowledge('x', { position: { sequence: 1, offset: 0 }, response: '200', now: 0 }),
      ).rejects.toThrow('x');
      await expect(subject.journal.destinations.setPaused('x', 'no', 0)).rejects.toThrow('x');
    });

    test('a pause keeps its reason and its start until it ends', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.journal.destinations.setPaused('siem', '401', 10);
      await subject.journal.destinations.setPaused('siem', '403', 20);
      await subject.reopen();
      const [paused] = await subject.journal.destinations.all();
      await subject.journal.destinations.setPaused('siem', undefined, 30);

      expect(paused).toMatchObject({ paused: '403', since: 10 });
      expect(await subject.journal.destinations.all()).toMatchObject([
        { paused: undefined, since: undefined },
      ]);
    });

    test('waiting events count from the position, and only those of the given sources', async () => {
      const other = await subject.journal.streams.open({ ...STREAM, source: 'other', scope: 'x' });
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.journal.commit(page({ records: records(3) }));
      await subject.journal.commit(page({ records: records(4), stream: other.key, source: 'other' }));
      const first = (await subject.journal.pages.read({ sequence: 0, offset: 0 }))?.sequence ?? 0;

      const all = await subject.journal.destinations.waiting('siem');
      await subject.journal.acknowledge('siem', {
        position: { sequence: first, offset: 2 },
        response: '200',
        now: subject.clock.now(),
      });

      expect(all).toBe(7);
      expect(await subject.journal.destinations.waiting('siem')).toBe(5);
      expect(await subject.journal.destinations.waiting('siem', ['console'])).toBe(1);
      expect(await subject.journal.destinations.waiting('siem', ['other', 'none'])).toBe(4);
      expect(await subject.journal.stats()).toMatchObject({ events: 5, oldest: 0 });
    });

    test('dead letters are stored with the position that passes them, once each', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      const [first] = letters(1, 'no');
      const [again] = letters(1, 'still no');
      const [unknown] = letters(1, 'no').map((letter) => ({ ...letter, stream: 'unknown' }));
      if (first === undefined || again === undefined || unknown === undefined)
        throw new Error('There is one.');

      await subject.journal.acknowledge('siem', {
        position: { sequence: 1, offset: 1 },
        response: '400',
        now: 5,
        deadLetters: [first],
      });
      await subject.journal.acknowledge('siem', {
        position: { sequence: 1, offset: 1 },
        response: '400',
        now: 6,
        deadLetters: [again],
      });
      const stray = subject.journal.acknowledge('siem', {
        position: { sequence: 2, offset: 0 },
        response: '400',
        now: 7,
        deadLetters: [unknown],
      });

      await expect(stray).rejects.toThrow('unknown');
      expect(await subject.positionOf('siem')).toEqual({ sequence: 1, offset: 1 });
      expect(await subject.journal.deadLetters.of('siem')).toEqual([
        { ...again, id: 1, destination: 'siem', source: 'console' },
      ]);
      expect(await subject.journal.deadLetters.of('other')).toEqual([]);
    });

    test('dead letters are read in parts that are bounded in number and bytes, and each is found by its id or uid', async () => {
      const { journal } = subject;
      await journal.destinations.open(['siem', 'other'], subject.clock.now());
      const large = letters(5, 'no').map((letter, index) => ({
        ...letter,
        uid: `large-${index}`,
        record: new Uint8Array(2 * 1024 * 1024),
      }));
      const head = { position: { sequence: 1, offset: 1 }, response: '400', now: 5 };
      await journal.acknowledge('siem', { ...head, deadLetters: [...letters(1_200, 'no'), ...large] });
      await journal.acknowledge('other', { ...head, deadLetters: letters(2, 'no') });

      const parts = async (destination?: string) => {
        const all = [await journal.deadLetters.of(destination)];
        for (let last = all[0]; last !== undefined && last.length > 0; last = all.at(-1))
          all.push(await journal.deadLetters.of(destination, last.at(-1)?.id));
        return all;
      };
      const ofOne = await parts('siem');
      const ofAll = await parts();

      expect(ofOne.map((part) => part.length)).toEqual([500, 500, 202, 2, 1, 0]);
      expect(ofOne.flat().map(({ uid }) => uid)).toEqual([
        ...letters(1_200, 'no').map(({ uid }) => uid),
        ...large.map(({ uid }) => uid),
      ]);
      expect(ofAll.flat()).toHaveLength(1_207);
      const [first] = ofOne.flat();
      expect(await journal.deadLetters.find(String(first?.id))).toEqual([first]);
      expect((await journal.deadLetters.find('event-1')).map(({ destination }) => destination)).toEqual([
        'siem',
        'other',
      ]);
      expect(await journal.deadLetters.find('event-1', 'other')).toHaveLength(1);
      expect(await journal.deadLetters.find(String(first?.id), 'other')).toEqual([]);
      expect(await journal.deadLetters.find('99999999999999999999')).toEqual([]);
    });

    test('dead letters that were sent again are removed when accepted, and keep the new reason when rejected', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.journal.acknowledge('siem', {
        position: { sequence: 1, offset: 3 },
        response: '400',
        now: 5,
        deadLetters: letters(3, 'no'),
      });
      const held = await subject.journal.deadLetters.of('siem');
      const bytes = await subject.journal.deadLetters.bytes();

      await subject.journal.deadLetters.settle('other', [1], []);
      await subject.journal.deadLetters.settle(
        'siem',
        held.slice(0, 1).map(({ id }) => id),
        letters(3, 'still no').slice(1, 2),
      );

      const left = await subject.journal.deadLetters.of('siem');
      expect(await subject.journal.deadLetters.count('siem')).toBe(2);
      expect(await subject.journal.deadLetters.count('other')).toBe(0);
      expect(left.map(({ uid, reason }) => [uid, reason])).toEqual([
        ['event-1', 'still no'],
        ['event-2', 'no'],
      ]);
      expect(await subject.journal.deadLetters.ids('siem')).toEqual(left.map(({ id }) => id));
      expect(await subject.journal.deadLetters.ids('other')).toEqual([]);
      expect(await subject.journal.deadLetters.get(left[1]?.id ?? 0)).toEqual(left[1]);
      expect(await subject.journal.deadLetters.get(1)).toBeUndefined();
      expect(await subject.journal.deadLetters.bytes()).toBeLessThan(bytes);
      expect(await subject.journal.deadLetters.bytes()).toBeGreaterThan(0);
    });
  });
}
