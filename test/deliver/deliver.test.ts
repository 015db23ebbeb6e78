import { expect, test } from 'vitest';
import { ACCEPTED, HTML_LOGIN } from '../../src/simulators/otlp-receiver-answers.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

test('delivers what is journaled, and what is journaled later', async () => {
  await using running = await startDelivery();
  running.journal.add(events(3));

  running.start();
  await running.delivery.idle();
  running.journal.add(events(2, 3));
  const rest = await running.delivery.idle();

  expect(rest).toBe('caught-up');
  expect(running.receiver.received().map(({ uid }) => uid)).toEqual([
    'uid-0',
    'uid-1',
    'uid-2',
    'uid-3',
    'uid-4',
  ]);
  expect(running.journal.passed).toBe(5);
});

test('waits with a backoff from one second to thirty, and goes on', async () => {
  await using running = await startDelivery();
  running.journal.add(events(1));
  running.receiver.answer = () => ({ status: 503, words: 'busy' });

  running.start();
  const slept = [];
  for (let turn = 0; turn < 7; turn += 1) {
    slept.push(await running.asleep());
    if (turn === 6) running.receiver.answer = () => ACCEPTED;
    await running.clock.advance(slept.at(-1) ?? 0);
  }
  await running.delivery.idle();

  expect(slept).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(running.receiver.received()).toHaveLength(1);
  expect(running.lines.map(({ msg }) => msg)).toEqual([
    'Destination does not take records now; they wait.',
    'Destination takes records again.',
  ]);
});

test('pauses loudly on a web page, keeps the data, and goes on by itself', async () => {
  await using running = await startDelivery();
  running.journal.add(events(3));
  running.receiver.answer = () => HTML_LOGIN;

  running.start();
  const rest = await running.delivery.idle();
  await running.clock.advance(await running.asleep());
  await running.asleep();
  running.receiver.answer = () => ACCEPTED;
  await running.clock.advance(60_000);
  await running.receiver.until(3);
  await running.delivery.idle();

  expect(rest).toBe('paused');
  expect(running.receiver.exports.map(({ records }) => records.length)).toEqual([3, 1, 1, 2]);
  expect(running.journal.pauses).toEqual([expect.stringContaining('HTTP 200'), undefined]);
  expect(running.lines.filter(({ level }) => level === 50)).toHaveLength(1);
});
