import { describe, expect, test } from 'vitest';
import type { Subject } from './subject.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

export function describeQuotas(subject: Subject): void {
  describe('quotas', () => {
    const quota = { requests: 2, per: MINUTE };
    const NOW = Date.parse('2026-03-02T12:00:00Z');

    test('a quota grants what its window has left, then returns when to ask again', async () => {
      const granted = [
        await subject.journal.quotas.spend('b', quota, NOW),
        await subject.journal.quotas.spend('b', quota, NOW + 10),
      ];
      const refused = await subject.journal.quotas.spend('b', quota, NOW + 20);

      expect(granted).toEqual([0, 0]);
      expect(refused).toBe(NOW + MINUTE);
      expect(await subject.journal.quotas.available('b', quota, NOW + 20)).toBe(0);
      expect(await subject.journal.quotas.available('b', quota, NOW + MINUTE)).toBe(1);
      expect(await subject.journal.quotas.spend('b', quota, refused)).toBe(0);
    });

    test('spent requests are stored across reopening, separately for each quota', async () => {
      await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW);
      await subject.reopen();

      expect(await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW + 1)).toBe(
        NOW + MINUTE,
      );
      expect(await subject.journal.quotas.spend('other', { requests: 1, per: MINUTE }, NOW + 1)).toBe(0);
    });

    test('a lowered quota waits until enough requests have left the window', async () => {
      for (const at of [0, 10, 20])
        await subject.journal.quotas.spend('b', { requests: 3, per: MINUTE }, NOW + at);

      expect(await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW + 30)).toBe(
        NOW + 20 + MINUTE,
      );
    });

    test('a shorter window does not forget what a longer window of the same quota counts', async () => {
      const hourly = { requests: 1, per: 60 * MINUTE };
      await subject.journal.quotas.spend('b', hourly, NOW);
      const brief = await subject.journal.quotas.spend('b', quota, NOW + 2 * MINUTE);
      const full = await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW + 2 * MINUTE);

      expect([brief, full]).toEqual([0, NOW + 3 * MINUTE]);
      expect(await subject.journal.quotas.available('b', hourly, NOW + 10 * MINUTE)).toBe(0);
      expect(
        await subject.journal.quotas.spend('b', { requests: 2, per: 60 * MINUTE }, NOW + 10 * MINUTE),
      ).toBe(NOW + 60 * MINUTE);
    });

    test('a quota of no requests grants none', async () => {
      expect(await subject.journal.quotas.spend('b', { requests: 0, per: MINUTE }, NOW)).toBe(NOW + MINUTE);
    });

    test('after our clock went back, requests dated more than a window ahead no longer count', async () => {
      await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW);

      const littleBack = await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW - 1000);
      const farBack = await subject.journal.quotas.spend('b', { requests: 1, per: MINUTE }, NOW - DAY);

      expect(littleBack).toBe(NOW + MINUTE);
      expect(farBack).toBe(0);
    });

    test('a paused quota grants nothing until its pause ends, across reopening', async () => {
      await subject.journal.quotas.pause('b', subject.clock.now() + MINUTE);
      await subject.reopen();

      expect(await subject.journal.quotas.pausedUntil('b')).toBe(subject.clock.now() + MINUTE);
      expect(await subject.journal.quotas.available('b', quota, subject.clock.now())).toBe(0);
      expect(await subject.journal.quotas.spend('b', quota, subject.clock.now())).toBe(
        subject.clock.now() + MINUTE,
      );
      expect(await subject.journal.quotas.pausedUntil('other')).toBe(0);

      await subject.clock.advance(MINUTE);
      expect(await subject.journal.quotas.pausedUntil('b')).toBe(0);
      expect(await subject.journal.quotas.spend('b', quota, subject.clock.now())).toBe(0);
    });

    test('a shorter pause does not end a longer one, unless that was noted by a clock that went back since', async () => {
      const { quotas } = subject.journal;
      const until = subject.clock.now() + MINUTE;
      await quotas.pause('b', until);
      await quotas.pause('b', until - 1_000);
      const shorter = await quotas.pausedUntil('b');
      await quotas.pause('b', until + 1_000);
      const longer = await quotas.pausedUntil('b');
      subject.clock.jump(-DAY);
      await quotas.pause('b', subject.clock.now() + 1_000);

      expect([shorter, longer]).toEqual([until, until + 1_000]);
      expect(await quotas.pausedUntil('b')).toBe(subject.clock.now() + 1_000);
    });

    test('a pause ends by a time in the past, and by a clock that went back before it', async () => {
      await subject.journal.quotas.pause('lifted', subject.clock.now() + MINUTE);
      await subject.journal.quotas.pause('lifted', 0);
      await subject.journal.quotas.pause('old', subject.clock.now() + MINUTE);
      subject.clock.jump(-DAY);

      expect(await subject.journal.quotas.pausedUntil('lifted')).toBe(0);
      expect(await subject.journal.quotas.pausedUntil('old')).toBe(0);
    });
  });
}
