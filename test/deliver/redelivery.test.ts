import { describe, expect, test } from 'vitest';
import type { Settled } from '../../src/deliver/in-flight-batch.ts';
import { redeliverDeadLetters, type Redelivery } from '../../src/deliver/redelivery.ts';
import type { RecordPage } from '../../src/deliver/record-page.ts';
import type { HeldDeadLetter } from '../../src/journal/delivery.ts';
import { uidOf } from '../../src/otlp/stored-record.ts';
import { ACCEPTED, type ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';
import { encodedAlone } from '../support/records.ts';

const RESET: ReceiverAnswer = { status: 200, fault: 'reset', take: () => false };

/** A redelivery of records that are not in the journal, with ids of their own, and what became of them. */
function redeliveryOf(count: number) {
  const page: RecordPage = {
    sequence: 1,
    stream: 'qradar-login-attempts|https://qradar.example.com|',
    source: 'console',
    dataset: 'qradar.login_attempts',
    lane: 'live',
    observedAt: Date.parse('2026-03-02T12:00:00Z'),
    records: events(count, 1_000).map((event) => encodedAlone(event)),
  };
  const accepted: string[] = [];
  const rejected: string[] = [];
  const redelivery: Redelivery = {
    selection: { sources: undefined, tenants: undefined },
    read: async ({ sequence }) => (sequence <= 1 ? page : undefined),
    async settle(settled: Settled) {
      accepted.push(...settled.accepted.map(({ stored }) => uidOf(stored)));
      rejected.push(...settled.rejected.map(({ uid }) => uid));
    },
  };
  return { redelivery, accepted, rejected };
}

describe.each([
  ['is never answered', RESET],
  ['is forbidden', { status: 403, take: () => false }],
] as const)('a redelivery with a record that %s', (_what, answer) => {
  test.each([1, 5])(
    'a redelivery of %i with one bad record ends with the others accepted, and does not change the journal',
    async (count) => {
      await using running = await startDelivery();
      running.receiver.answer = ({ records }) =>
        records.some(({ uid }) => uid === 'uid-1000') ? answer : ACCEPTED;
      running.journal.add(events(3));
      running.journal.add(events(3, 3));
      running.start();
      await running.delivery.idle();
      const { redelivery, accepted, rejected } = redeliveryOf(count);

      let ended = false;
      const done = running.delivery.redeliver(redelivery).then(() => (ended = true));
      await running.play(() => ended);
      await done;

      expect(rejected).toEqual(['uid-1000']);
      expect(accepted.toSorted()).toEqual(
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

function letter(id: number): HeldDeadLetter {
  return {
    id,
    destination: 'siem',
    stream: 'qradar-login-attempts|https://qradar.example.com|',
    source: 'console',
    dataset: 'qradar.login_attempts',
    lane: 'live',
    observedAt: 0,
    uid: `uid-${id}`,
    record: new Uint8Array(),
    status: 400,
    reason: 'no',
    at: 0,
  };
}

test('dead letters are read when they are sent, and not all at once', async () => {
  const got: number[] = [];
  const redelivery = await redeliverDeadLetters(
    {
      ids: async () => [3, 5, 8, 9],
      // The second was removed meanwhile.
      get: async (id) => (got.push(id), id === 5 ? undefined : letter(id)),
      settle: async () => undefined,
    },
    'siem',
    [3, 5, 8],
  );

  const first = await redelivery.read({ sequence: 0, offset: 0 });
  const before = [...got];
  const second = await redelivery.read({ sequence: 4, offset: 0 });
  const end = await redelivery.read({ sequence: 9, offset: 0 });

  expect(before).toEqual([3]);
  expect([first?.sequence, second?.sequence, end]).toEqual([3, 8, undefined]);
});
