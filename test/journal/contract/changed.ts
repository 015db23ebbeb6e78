import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { page, records, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

const never = () => new AbortController().signal;

export function describeChanged(subject: Subject): void {
  describe('changed', () => {
    beforeEach(() => subject.journal.streams.open(STREAM));

    test('every waiter is woken by the next page', async () => {
      const woken = [subject.journal.pages.changed(never()), subject.journal.pages.changed(never())];

      await subject.journal.commit(page({ records: records(1) }));

      await expect(Promise.all(woken)).resolves.toHaveLength(2);
    });

    test('a waiter is not woken by a page without events', async () => {
      let woken = false;
      const abort = new AbortController();
      const waiting = subject.journal.pages.changed(abort.signal).then(() => (woken = true));

      await subject.journal.commit(page());
      await turn();
      await turn();
      const before = woken;
      abort.abort();
      await waiting;

      expect(before).toBe(false);
    });

    test('a page between reading and waiting is not missed', async () => {
      const position = { sequence: 0, offset: 0 };
      const [found] = await Promise.all([
        subject.journal.pages.read(position),
        subject.journal.commit(page({ records: records(1) })),
      ]);

      await subject.journal.pages.changed(never());
      await turn();
      await subject.journal.pages.changed(never(), position);

      expect(found).toBeUndefined();
    });

    test('the newest page has its number also when it is trimmed', async () => {
      const { journal } = subject;
      const before = await journal.pages.newest();

      await journal.commit(page({ records: records(1) }));
      await journal.commit(page({ records: records(1) }));
      const found = await journal.pages.read({ sequence: 2, offset: 0 });
      await journal.trim(Number.MAX_SAFE_INTEGER);

      expect(before).toBe(0);
      expect(found?.sequence).toBe(2);
      expect(await journal.pages.newest()).toBe(2);
    });

    test('waiting ends without an error at the abort, and at once when it is aborted already', async () => {
      const abort = new AbortController();
      const waiting = subject.journal.pages.changed(abort.signal);

      abort.abort();

      await expect(waiting).resolves.toBeUndefined();
      await expect(subject.journal.pages.changed(abort.signal)).resolves.toBeUndefined();
    });
  });
}
