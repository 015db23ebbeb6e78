import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ACCEPTED, type Answering, type ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

const RESET: ReceiverAnswer = { status: 200, fault: 'reset', take: () => false };

/** Resets the connection of a request that holds this record. */
function resetting(bad: string): Answering {
  return ({ records }) => (records.some(({ uid }) => uid === bad) ? RESET : ACCEPTED);
}

test('a receiver that needs longer than the time-out gets every record, with few repeats', async () => {
  await using running = await startDelivery({ overrides: { timeout: 400, maxRequestBytes: 300_000 } });
  // It processes a request after its time-out, and keeps the records.
  running.receiver.answer = async ({ records }) => {
    await sleep(records.length * 2);
    return ACCEPTED;
  };
  running.journal.add(events(1_000));

  running.start();
  await running.play(() => running.journal.passed === 1_000);
  await running.stop();

  expect(running.receiver.ids().size).toBe(1_000);
  expect(running.receiver.received().length).toBeLessThan(3_500);
  expect(running.journal.letters).toEqual([]);
}, 60_000);

test('the size of a request that is answered bounds later requests, and doubles after ten of them', async () => {
  await using running = await startDelivery();
  running.receiver.answer = ({ records }) => (records.length > 30 ? RESET : ACCEPTED);
  running.journal.add(events(100));
  running.start();
  await running.play(() => running.journal.passed === 100);
  running.receiver.answer = () => ACCEPTED;
  running.journal.add(events(1_000, 100));
  await running.play(() => running.journal.passed === 1_100);

  const sizes = running.receiver.exports.map(({ records }) => records.length);
  expect(sizes.slice(0, 7)).toEqual([100, 100, 50, 25, 25, 25, 25]);
  expect(sizes.slice(7, 13)).toEqual([25, 25, 25, 25, 25, 25]);
  expect(sizes.slice(13, 24)).toEqual([...Array<number>(10).fill(50), 100]);
});

test('a request that has become larger again is halved after one try', async () => {
  await using running = await startDelivery();
  running.receiver.answer = ({ records }) => (records.length > 30 ? RESET : ACCEPTED);
  running.journal.add(events(400));
  running.start();
  await running.play(() => running.journal.passed === 400);

  const failed = running.receiver.exports.map(({ records }) => records.length).filter((size) => size > 30);
  expect(failed).toEqual([400, 400, 200, 100, 50, 50]);
  expect(running.receiver.received()).toHaveLength(400);
});

test.each([0, 17, 39])(
  'record %i of 40, at which a receiver resets the connection, holds back no other',
  async (index) => {
    const bad = `uid-${index}`;
    await using running = await startDelivery();
    running.receiver.answer = resetting(bad);
    running.journal.add(events(40));

    running.start();
    const waits: number[] = [];
    while (running.journal.passed < 40) {
      const wait = running.clock.next === undefined ? undefined : running.clock.next - running.clock.now();
      if (wait !== undefined) waits.push(wait);
      if (wait !== undefined) await running.clock.advance(wait);
      else await sleep(1);
    }

    // Once before the first halving, once before the record is tried alone again.
    expect(waits).toHaveLength(2);
    expect(running.receiver.received()).toHaveLength(39);
    expect(running.journal.letters).toMatchObject([
      {
        uid: bad,
        status: undefined,
        reason: expect.stringMatching(
          /receiver never answered.*connection to 127\.0\.0\.1:\d+ was closed or reset/,
        ),
      },
    ]);
  },
);

test('a single record that is never answered becomes a dead letter only when another is accepted', async () => {
  await using running = await startDelivery();
  running.receiver.answer = resetting('uid-0');
  running.journal.add(events(1));

  running.start();
  for (let round = 0; round < 6; round += 1) await running.clock.advance(await running.asleep());
  const before = running.journal.letters.length;
  running.journal.add(events(2, 1));
  await running.play(() => running.journal.passed === 3);

  expect(before).toBe(0);
  expect(running.journal.pauses).toEqual([]);
  expect(running.journal.letters.map(({ uid }) => uid)).toEqual(['uid-0']);
  expect(running.receiver.received()).toHaveLength(2);
});

test('a receiver that answers nothing, then everything, gets every record', async () => {
  await using running = await startDelivery();
  running.receiver.answer = () => RESET;
  running.journal.add(events(100));

  running.start();
  await running.play(() => running.receiver.exports.length >= 30);
  running.receiver.answer = () => ACCEPTED;
  await running.play(() => running.journal.passed === 100);

  expect(running.journal.letters).toEqual([]);
  expect(running.receiver.received()).toHaveLength(100);
});

test('a receiver that was down gets the same request when it is back', async () => {
  await using running = await startDelivery();
  running.journal.add(events(100));
  await running.receiver.away();

  running.start();
  for (let round = 0; round < 8; round += 1) await running.clock.advance(await running.asleep());
  await running.receiver.back();
  await running.play(() => running.journal.passed === 100);

  expect(running.receiver.exports.map(({ records }) => records.length)).toEqual([100]);
});
