import { describe, expect, test } from 'vitest';
import type { Errand, Settled } from '../../src/deliver/redelivery.ts';
import type { JournalPage } from '../../src/journal/journal.ts';
import { ACCEPTED, type ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

const RESET: ReceiverAnswer = { status: 200, fault: 'reset', take: () => false };

/** An errand of records that are not in the journal, under ids of their own; tells what became of them. */
function errand(count: number) {
  const page: JournalPage = {
    sequence: 1,
    stream: 'qradar-login-attempts|https://qradar.example.com|',
    source: 'console',
    dataset: 'qradar.login_attempts',
    lane: 'live',
    observedAt: Date.parse('2026-03-02T12:00:00Z'),
    events: events(count, 1_000),
  };
  const taken: string[] = [];
  const refused: string[] = [];
  const work: Errand = {
    selection: { sources: undefined, tenants: undefined },
    read: async ({ sequence }) => (sequence <= 1 ? page : undefined),
    async settle(settled: Settled) {
      taken.push(...settled.taken.map(({ journaled }) => journaled.uid));
      refused.push(...settled.refused.map(({ uid }) => uid));
    },
  };
  return { work, taken, refused };
}

describe.each([
  ['is never answered', RESET],
  ['is forbidden', { status: 403, take: () => false }],
] as const)('an errand with a record that %s', (_what, answer) => {
  test.each([1, 5])(
    'of %i ends, with the others taken, and touches nothing of the journal',
    async (count) => {
      await using running = await startDelivery();
      running.receiver.answer = ({ records }) =>
        records.some(({ uid }) => uid === 'uid-1000') ? answer : ACCEPTED;
      running.journal.add(events(3));
      running.journal.add(events(3, 3));
      running.start();
      await running.delivery.idle();
      const { work, taken, refused } = errand(count);

      let ended = false;
      const done = running.delivery.runErrand(work).then(() => (ended = true));
      await running.play(() => ended);
      await done;

      expect(refused).toEqual(['uid-1000']);
      expect(taken.toSorted()).toEqual(
        events(count - 1, 1_001)
          .map(({ uid }) => uid)
          .toSorted(),
      );
      expect(running.receiver.received()).toHaveLength(6 + count - 1);
      expect(running.journal.letters).toEqual([]);
      expect(running.journal.passed).toBe(6);
    },
  );
});
