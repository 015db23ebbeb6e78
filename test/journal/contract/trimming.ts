import { beforeEach, describe, expect, test } from 'vitest';
import { firstUid, held, page, records, STREAM } from '../support/commits.ts';
import type { Subject } from './subject.ts';

const DAY = 24 * 60 * 60_000;

export function describeTrimming(subject: Subject): void {
  describe('trimming', () => {
    beforeEach(async () => {
      await subject.journal.streams.open(STREAM);
    });

    test('trimming waits for the slowest destination', async () => {
      await subject.journal.destinations.open(['fast', 'slow'], subject.clock.now());
      await subject.commitThree();
      await subject.pass('fast', 3);
      await subject.journal.acknowledge('slow', {
        position: { sequence: 1, offset: 1 },
        response: '200',
        now: subject.clock.now(),
      });

      await subject.journal.trim(subject.clock.now());

      expect(await held(subject.journal)).toEqual(['b-0', 'c-0']);
    });

    test('a page that was passed in part is kept', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.journal.commit(page({ records: records(2) }));
      await subject.journal.acknowledge('siem', {
        position: { sequence: 1, offset: 1 },
        response: '200',
        now: subject.clock.now(),
      });

      await subject.journal.trim(subject.clock.now());

      expect(await held(subject.journal)).toHaveLength(2);
    });

    test('without a destination nothing is trimmed', async () => {
      await subject.commitThree();

      await subject.journal.trim(subject.clock.now() + 30 * DAY);

      expect(await held(subject.journal)).toHaveLength(3);
    });

    test('delivered pages are kept for `retain`', async () => {
      await subject.reopen({ retain: DAY });
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.commitThree();
      await subject.pass('siem', 3);

      await subject.journal.trim(subject.clock.now() + DAY - 1);
      const before = await held(subject.journal);
      await subject.journal.trim(subject.clock.now() + DAY);

      expect(before).toHaveLength(3);
      expect(await held(subject.journal)).toEqual([]);
    });

    test('a destination that left the configuration holds pages back for seven days', async () => {
      await subject.journal.destinations.open(['siem', 'left'], subject.clock.now());
      await subject.commitThree();
      await subject.reopen();
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.pass('siem', 3);

      await subject.journal.trim(subject.clock.now() + 7 * DAY - 1);
      const before = await held(subject.journal);
      await subject.journal.trim(subject.clock.now() + 7 * DAY);

      expect(before).toHaveLength(3);
      expect(await held(subject.journal)).toEqual([]);
    });

    test('a configured destination holds pages back for as long as it takes', async () => {
      await subject.journal.destinations.open(['siem', 'slow'], subject.clock.now());
      await subject.commitThree();
      await subject.pass('siem', 3);

      await subject.journal.trim(subject.clock.now() + 30 * DAY);
      await subject.reopen();
      await subject.journal.destinations.open(['siem'], subject.clock.now() + 30 * DAY);
      await subject.journal.trim(subject.clock.now() + 31 * DAY);

      expect(await held(subject.journal)).toHaveLength(3);
    });

    test('a sequence number is never used twice, even when everything was trimmed', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      await subject.commitThree();
      await subject.pass('siem', 3);
      await subject.journal.trim(subject.clock.now());
      await subject.reopen();

      await subject.journal.commit(page({ records: records(1, 'd') }));

      expect(await subject.journal.pages.read({ sequence: 0, offset: 0 })).toMatchObject({ sequence: 4 });
      const position = await subject.positionOf('siem');
      expect(position && firstUid(await subject.journal.pages.read(position))).toBe('d-0');
    });

    test('one call removes many pages', async () => {
      await subject.journal.destinations.open(['siem'], subject.clock.now());
      for (let index = 0; index < 210; index += 1)
        await subject.journal.commit(page({ records: records(1, `${index}`) }));
      await subject.pass('siem', 209);

      await subject.journal.trim(subject.clock.now());

      expect(await held(subject.journal)).toEqual(['209-0']);
    });
  });
}
