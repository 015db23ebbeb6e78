import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { pageReader } from '../../src/deliver/record-page.ts';
import { Sender } from '../../src/otlp/sender.ts';
import { LeaseLostError } from '../../src/journal/journal.ts';
import { startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { destination, events } from './support/events.ts';
import { MemoryJournal } from './support/memory-journal.ts';
import { startDelivery } from './support/running.ts';

const LOST = new LeaseLostError({ kind: 'destination', name: 'siem' }, 'replica other took it');

const refuse = () => Promise.reject(LOST);
const requireValid = () => {
  throw LOST;
};

test('a refused acknowledgement ends the delivery at once and quietly; the next holder sends it again', async () => {
  const journal = new MemoryJournal();
  journal.add(events(3));
  await using delivering = await startDelivery({ journal });
  journal.acknowledge = refuse;

  await delivering.delivery.run(new AbortController().signal);

  expect(delivering.receiver.received()).toHaveLength(3);
  expect(journal.position).toEqual({ sequence: 0, offset: 0 });
  expect(delivering.lines.filter(({ level }) => level >= 40)).toEqual([]);
  expect(await delivering.delivery.idle()).toBe('stopped');
});

test('a refused pause ends the delivery: another process decides about it now', async () => {
  const journal = new MemoryJournal();
  journal.add(events(1));
  await using delivering = await startDelivery({ journal });
  delivering.receiver.answer = () => ({ status: 401 });
  journal.destinations.setPaused = refuse;

  await delivering.delivery.run(new AbortController().signal);

  expect(delivering.lines.map(({ msg }) => msg)).not.toContain(
    'The journal could not be written or read; it is tried again.',
  );
});

test('a refused settlement of dead letters ends the delivery, and their job is told', async () => {
  const dead = new MemoryJournal();
  dead.add(events(1));
  await using delivering = await startDelivery();
  const job = delivering.delivery.redeliver({
    selection: { sources: undefined, tenants: undefined },
    read: pageReader(dead.pages),
    settle: refuse,
  });
  const told = job.catch((error: Error) => error.name);

  await delivering.delivery.run(new AbortController().signal);

  expect(await told).toBe('AbortError');
  expect(delivering.lines.filter(({ level }) => level >= 40)).toEqual([]);
});

test('nothing is sent when the lease was lost before the request, and the delivery ends', async () => {
  await using receiver = await startReceiver({ clock: systemClock });
  const journal = new MemoryJournal();
  journal.add(events(1));
  const settings = { destination: destination(receiver.url), clock: systemClock, proxyEnv: {}, requireValid };
  await using sender = new Sender(settings);
  await using delivering = await startDelivery({ journal, receiver, parts: { sender } });

  await delivering.delivery.run(new AbortController().signal);

  expect(receiver.received()).toEqual([]);
  expect(journal.positions).toEqual([]);
  expect(delivering.lines.filter(({ level }) => level >= 40)).toEqual([]);
});
