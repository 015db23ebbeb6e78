import { describe, expect, it } from 'vitest';
import type { Job } from '../../../src/journal/journal.ts';
import type { Subject } from './subject.ts';

const backfill: Job = {
  kind: 'backfill',
  source: 'console',
  destination: undefined,
  details: { from: 1, to: 2 },
};

/** What commands leave for the holder of the state. */
export function describeJobs(subject: Subject): void {
  describe('jobs', () => {
    it('jobs are open until they are finished, oldest first, and survive a restart', async () => {
      const first = await subject.journal.jobs.enqueue(backfill, 10);
      const second = await subject.journal.jobs.enqueue({ ...backfill, source: 'other' }, 20);
      await subject.journal.jobs.noteProgress(first, { done: 1 });

      await subject.reopen();

      expect(await subject.journal.jobs.open()).toEqual([
        {
          ...backfill,
          id: first,
          created: 10,
          progress: { done: 1 },
          finished: undefined,
          outcome: undefined,
        },
        expect.objectContaining({ id: second, source: 'other', progress: undefined }),
      ]);
    });

    it('a finished job is found with its outcome, and is no longer open', async () => {
      const id = await subject.journal.jobs.enqueue(backfill, 10);

      await subject.journal.jobs.finish(id, { code: 0 }, 30);

      expect(await subject.journal.jobs.open()).toEqual([]);
      expect(await subject.journal.jobs.find(id)).toMatchObject({ finished: 30, outcome: { code: 0 } });
    });

    it('two jobs that ask for the same are one while it is open, and two afterwards', async () => {
      const first = await subject.journal.jobs.enqueue(backfill, 10);
      const joined = await subject.journal.jobs.enqueue({ ...backfill }, 20);
      const other = await subject.journal.jobs.enqueue({ ...backfill, details: { from: 1, to: 3 } }, 20);
      await subject.journal.jobs.finish(first, { code: 0 }, 30);
      const again = await subject.journal.jobs.enqueue(backfill, 40);

      expect(joined).toBe(first);
      expect(new Set([first, other, again]).size).toBe(3);
    });

    it('jobs that finished long ago are forgotten', async () => {
      const old = await subject.journal.jobs.enqueue(backfill, 10);
      await subject.journal.jobs.finish(old, { code: 0 }, 30);

      await subject.journal.jobs.enqueue({ ...backfill, source: 'other' }, 30 + 8 * 86_400_000);

      expect(await subject.journal.jobs.find(old)).toBeUndefined();
    });
  });
}
