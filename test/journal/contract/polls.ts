import { beforeEach, describe, expect, test } from 'vitest';
import { KEY, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

export function describePolls(subject: Subject): void {
  describe('polls', () => {
    const poll = {
      stream: KEY,
      source: 'console',
      durationMs: 12,
      requests: 1,
      rows: 5,
      new: 4,
      changed: 1,
    };

    beforeEach(() => subject.journal.streams.open(STREAM));

    test('the last fifty polls of a stream are kept, newest first', async () => {
      for (let at = 0; at < 60; at += 1)
        await subject.journal.polls.record({ ...poll, at, outcome: 'complete' });

      const polls = await subject.journal.polls.last(KEY, 100);

      expect(polls.map(({ at }) => at)).toEqual(Array.from({ length: 50 }, (_, index) => 59 - index));
      expect(polls[0]).toEqual({ ...poll, at: 59, outcome: 'complete', error: undefined });
      expect(await subject.journal.polls.last(KEY, 2)).toHaveLength(2);
    });

    test('a poll is recorded once, as it was recorded last', async () => {
      await subject.journal.polls.record({ ...poll, at: 1, outcome: 'complete' });
      await subject.journal.polls.record({ ...poll, at: 2, outcome: 'complete' });
      await subject.journal.polls.record({
        ...poll,
        at: 2,
        rows: 9,
        outcome: 'RefusedError',
        error: 'Refused: 422.',
      });

      expect(await subject.journal.polls.last(KEY, 5)).toMatchObject([
        { at: 2, rows: 9, outcome: 'RefusedError' },
        { at: 1, rows: 5, outcome: 'complete' },
      ]);
    });

    test('a poll that was cut leaves the last error, a complete one clears it', async () => {
      await subject.journal.polls.record({ ...poll, at: 1, outcome: 'RefusedError', error: 'Refused: 422.' });
      await subject.journal.polls.record({ ...poll, at: 2, outcome: 'cut' });
      const [cut] = await subject.journal.streams.all();
      await subject.journal.polls.record({ ...poll, at: 3, outcome: 'complete' });

      expect(cut?.lastError).toBe('Refused: 422.');
      expect(await subject.journal.streams.all()).toMatchObject([{ lastError: undefined }]);
    });
  });

  test('the next due time of a source is kept across reopening', async () => {
    await subject.journal.sources.setNextDue('console', 5);
    await subject.journal.sources.setNextDue('console', 9);
    await subject.reopen();

    expect(await subject.journal.sources.nextDue('console')).toBe(9);
    expect(await subject.journal.sources.nextDue('other')).toBeUndefined();
  });
}
