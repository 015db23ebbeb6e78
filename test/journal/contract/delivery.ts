import { beforeEach, describe, expect, test } from 'vitest';
import { events, KEY, page, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

export function describeDelivery(subject: Subject): void {
  describe('delivery', () => {
    beforeEach(() => subject.journal.openStream(STREAM));

    test('pages are read in order, from the position on', async () => {
      for (const name of ['a', 'b', 'c']) await subject.journal.commit(page({ events: events(2, name) }));
      const first = await subject.journal.read({ sequence: 0, offset: 0 });
      const at = first?.sequence ?? 0;

      const rest = await subject.journal.read({ sequence: at, offset: 1 });
      const exhausted = await subject.journal.read({ sequence: at, offset: 2 });
      const next = await subject.journal.read({ sequence: at + 1, offset: 0 });

      expect(rest).toEqual(first);
      expect(exhausted?.events[0]?.uid).toBe('b-0');
      expect(next).toEqual(exhausted);
      expect(await subject.journal.read({ sequence: at + 2, offset: 2 })).toBeUndefined();
    });

    test('a new destination begins at the oldest page held', async () => {
      await subject.journal.openDestinations(['siem'], subject.clock.now());
      await subject.commitThree();
      await subject.pass('siem', 2);
      await subject.journal.trim(subject.clock.now());

      await subject.journal.openDestinations(['siem', 'lake'], subject.clock.now());

      const position = await subject.positionOf('lake');
      expect(position && (await subject.journal.read(position))?.events[0]?.uid).toBe('c-0');
    });

    test('a position moves forward only, and the last answer is kept', async () => {
      await subject.journal.openDestinations(['siem'], subject.clock.now());
      await subject.journal.advance('siem', { sequence: 3, offset: 5 }, 'first', 1);
      await subject.journal.advance('siem', { sequence: 3, offset: 4 }, 'second', 2);
      await subject.journal.advance('siem', { sequence: 2, offset: 9 }, 'third', 3);
      await subject.reopen();

      const [siem] = await subject.journal.destinations();

      expect(siem).toMatchObject({
        position: { sequence: 3, offset: 5 },
        lastAnswer: 'third',
        lastAnswerAt: 3,
      });
    });

    test('a destination that was never opened cannot be written to', async () => {
      await expect(subject.journal.advance('x', { sequence: 1, offset: 0 }, '200', 0)).rejects.toThrow('x');
      await expect(subject.journal.setPaused('x', 'no', 0)).rejects.toThrow('x');
    });

    test('a pause keeps its reason and its beginning until it is over', async () => {
      await subject.journal.openDestinations(['siem'], subject.clock.now());
      await subject.journal.setPaused('siem', '401', 10);
      await subject.journal.setPaused('siem', '403', 20);
      await subject.reopen();
      const [paused] = await subject.journal.destinations();
      await subject.journal.setPaused('siem', undefined, 30);

      expect(paused).toMatchObject({ paused: '403', since: 10 });
      expect(await subject.journal.destinations()).toMatchObject([{ paused: undefined, since: undefined }]);
    });

    test('waiting counts from the position, and only the sources that are taken', async () => {
      const other = await subject.journal.openStream({ ...STREAM, source: 'other', scope: 'x' });
      await subject.journal.openDestinations(['siem'], subject.clock.now());
      await subject.journal.commit(page({ events: events(3) }));
      await subject.journal.commit(page({ events: events(4), stream: other.key, source: 'other' }));
      const first = (await subject.journal.read({ sequence: 0, offset: 0 }))?.sequence ?? 0;

      const all = await subject.journal.waiting('siem');
      await subject.journal.advance('siem', { sequence: first, offset: 2 }, '200', subject.clock.now());

      expect(all).toBe(7);
      expect(await subject.journal.waiting('siem')).toBe(5);
      expect(await subject.journal.waiting('siem', ['console'])).toBe(1);
      expect(await subject.journal.waiting('siem', ['other', 'none'])).toBe(4);
      expect(await subject.journal.stats()).toMatchObject({ events: 5, oldest: 0 });
    });

    test('dead letters are kept with the position that passes them, once each', async () => {
      await subject.journal.openDestinations(['siem'], subject.clock.now());
      const [first] = events(1);
      if (first === undefined) throw new Error('There is one.');
      const letter = {
        ...first,
        stream: KEY,
        dataset: 'd',
        lane: 'live' as const,
        observedAt: 4,
        status: 400,
        at: 5,
      };

      await subject.journal.advance('siem', { sequence: 1, offset: 1 }, '400', 5, [
        { ...letter, reason: 'no' },
      ]);
      await subject.journal.advance('siem', { sequence: 1, offset: 1 }, '400', 6, [
        { ...letter, reason: 'still no' },
      ]);
      const stray = subject.journal.advance('siem', { sequence: 2, offset: 0 }, '400', 7, [
        { ...letter, reason: 'no', stream: 'unknown' },
      ]);

      await expect(stray).rejects.toThrow('unknown');
      expect(await subject.positionOf('siem')).toEqual({ sequence: 1, offset: 1 });
      expect(await subject.journal.deadLetters('siem')).toEqual([
        { ...letter, reason: 'still no', id: 1, destination: 'siem', source: 'console' },
      ]);
      expect(await subject.journal.deadLetters('other')).toEqual([]);
    });

    test('dead letters that were tried again are gone when taken, and say why when not', async () => {
      await subject.journal.openDestinations(['siem'], subject.clock.now());
      const place = { stream: KEY, dataset: 'd', lane: 'live' as const, observedAt: 4, status: 400, at: 5 };
      const letters = events(3).map((event) => ({ ...place, ...event, reason: 'no' }));
      await subject.journal.advance('siem', { sequence: 1, offset: 3 }, '400', 5, letters);
      const held = await subject.journal.deadLetters('siem');
      const bytes = await subject.journal.deadLetterBytes();

      await subject.journal.settleDeadLetters('other', [1], []);
      await subject.journal.settleDeadLetters(
        'siem',
        held.slice(0, 1).map(({ id }) => id),
        letters.slice(1, 2).map((letter) => ({ ...letter, reason: 'still no' })),
      );

      const left = await subject.journal.deadLetters('siem');
      expect(await subject.journal.deadLetterCount('siem')).toBe(2);
      expect(await subject.journal.deadLetterCount('other')).toBe(0);
      expect(left.map(({ uid, reason }) => [uid, reason])).toEqual([
        ['event-1', 'still no'],
        ['event-2', 'no'],
      ]);
      expect(await subject.journal.deadLetterBytes()).toBeLessThan(bytes);
      expect(await subject.journal.deadLetterBytes()).toBeGreaterThan(0);
    });
  });
}
