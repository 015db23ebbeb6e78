import { expect, test } from 'vitest';
import { page, STREAM } from '../journal/support/commits.ts';
import { type Journal, JournalWriteError } from '../../src/journal/journal.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openJournal } from '../../src/journal/sqlite/open.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import type { JournaledEvent } from '../../src/core/event.ts';
import type { DeliveryJournal } from '../../src/deliver/loop.ts';
import { redeliverDeadLetters, redeliverSince } from '../../src/deliver/redelivery.ts';
import { ACCEPTED, refusing } from '../../src/simulators/otlp-receiver.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';
import { encoded } from '../support/records.ts';

const SIZE = 12;
const ALL = events(SIZE).map(({ uid }) => uid);

/** A real journal with events in pages of five, committed at the number of their first event, for the destination `siem`. */
async function filled(path: string, stored: readonly JournaledEvent[] = events(SIZE)): Promise<Journal> {
  let now = 0;
  const place = { path, maxBytes: 2 ** 30, retain: 86_400_000, allowNetworkFs: true };
  const journal = await openJournal({ ...place, clock: { ...systemClock, now: () => now } });
  await journal.streams.open(STREAM);
  await journal.destinations.open(['siem'], 0);
  for (let from = 0; from < stored.length; from += 5) {
    now = from;
    await journal.commit(page({ records: encoded(stored.slice(from, from + 5), from), observedAt: 0 }));
  }
  return journal;
}

class Crash extends Error {}

/** The journal, with an `acknowledge` of its own. */
function acknowledging(journal: Journal, acknowledge: Journal['acknowledge']): DeliveryJournal {
  const { pages, destinations, deadLetters } = journal;
  return {
    pages,
    destinations,
    deadLetters,
    acknowledge,
    room: (now) => journal.room(now),
    stats: () => journal.stats(),
  };
}

/** The journal, until it is asked to commit a position for the n-th time: then the process is gone. */
function crashingAt(journal: Journal, commit: number): DeliveryJournal {
  let commits = 0;
  return acknowledging(journal, async (...given) => {
    commits += 1;
    if (commits === commit) throw new Crash();
    await journal.acknowledge(...given);
  });
}

const BAD = ['uid-0', 'uid-7'];
const badRefused = refusing(({ uid }) => BAD.includes(uid));

test.each([1, 3, 5, 7, 9])(
  'a crash before commit %i of a bisection loses nothing, and each record at fault becomes one dead letter',
  async (commit) => {
    await using directory = await temporaryDirectory();
    await using journal = await filled(directory.path);
    await using first = await startDelivery({ parts: { journal: crashingAt(journal, commit) } });
    first.receiver.answer = badRefused;
    const crashed = await first.delivery.run(AbortSignal.timeout(5_000)).catch((error: unknown) => error);

    await using second = await startDelivery({ parts: { journal }, receiver: first.receiver });
    second.start();
    await second.delivery.idle();

    const letters = await journal.deadLetters.of('siem');
    const repeats = [...first.receiver.ids().values()];
    expect(crashed).toBeInstanceOf(Crash);
    expect(first.receiver.ids().keys().toArray().toSorted()).toEqual(
      ALL.filter((uid) => !BAD.includes(uid)).toSorted(),
    );
    expect(
      repeats.every((all) => new Set(all.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).size === 1),
    ).toBe(true);
    expect(letters.map(({ uid }) => uid)).toEqual(BAD);
    expect(await journal.destinations.waiting('siem')).toBe(0);
  },
);

test('a journal that cannot be written for a while is written later, and nothing is sent twice', async () => {
  await using directory = await temporaryDirectory();
  await using journal = await filled(directory.path);
  let failures = 3;
  const full = acknowledging(journal, async (...given) => {
    if (failures-- > 0) throw new JournalWriteError('disk full');
    await journal.acknowledge(...given);
  });
  await using running = await startDelivery({ parts: { journal: full } });

  running.start();
  await running.play(() => failures < 0);
  await running.delivery.idle();

  expect(running.receiver.received()).toHaveLength(SIZE);
  expect(await journal.destinations.waiting('siem')).toBe(0);
});

test('dead letters that are sent again follow live events, and are removed when accepted', async () => {
  await using directory = await temporaryDirectory();
  await using journal = await filled(directory.path);
  await using running = await startDelivery({ parts: { journal } });
  running.receiver.answer = badRefused;
  running.start();
  await running.delivery.idle();
  running.receiver.answer = refusing(({ uid }) => uid === 'uid-7', { words: 'still no' });
  await journal.commit(page({ records: encoded(events(1, SIZE)) }));

  await running.delivery.redeliver(await redeliverDeadLetters(journal.deadLetters, 'siem'));

  const letters = await journal.deadLetters.of('siem');
  expect(letters.map(({ uid, reason }) => [uid, reason])).toEqual([['uid-7', 'still no']]);
  expect(
    running.receiver
      .received()
      .slice(-2)
      .map(({ uid }) => uid),
  ).toEqual([`uid-${SIZE}`, 'uid-0']);
  expect(running.delivery.state.kind).not.toBe('paused');
});

test('an event keeps the release that stored it when another release sends it, and when it is replayed', async () => {
  await using directory = await temporaryDirectory();
  const stored = events(1).map(({ uid, event }) => ({ uid, event: { ...event, 'agent.version': '0.0.1' } }));
  await using journal = await filled(directory.path, stored);
  await using running = await startDelivery({ parts: { journal } });
  running.start();
  await running.delivery.idle();

  await running.delivery.redeliver(await redeliverSince(journal, running.delivery.destination, 0));

  const received = running.receiver.received();
  expect(received.map(({ record }) => record.attributes['agent.version'])).toEqual(['0.0.1', '0.0.1']);
  expect(received[1]?.bytes).toEqual(received[0]?.bytes);
});

test('only the named dead letters are sent again', async () => {
  await using directory = await temporaryDirectory();
  await using journal = await filled(directory.path);
  await using running = await startDelivery({ parts: { journal } });
  running.receiver.answer = badRefused;
  running.start();
  await running.delivery.idle();
  const [first] = await journal.deadLetters.of('siem');
  running.receiver.answer = () => ACCEPTED;

  await running.delivery.redeliver(await redeliverDeadLetters(journal.deadLetters, 'siem', [first?.id ?? 0]));

  expect((await journal.deadLetters.of('siem')).map(({ uid }) => uid)).toEqual(['uid-7']);
});

test('a replay sends the same bytes again from a time on, and makes no dead letters', async () => {
  await using directory = await temporaryDirectory();
  await using journal = await filled(directory.path);
  await using running = await startDelivery({ parts: { journal } });
  running.start();
  await running.delivery.idle();
  running.receiver.answer = badRefused;

  const refused: string[] = [];
  const redelivery = await redeliverSince(journal, running.delivery.destination, 5, (settled) => {
    refused.push(...settled.rejected.map(({ uid }) => uid));
  });
  await running.delivery.redeliver(redelivery);

  const repeated = [...running.receiver.ids()].filter(([, all]) => all.length === 2);
  expect(repeated.map(([uid]) => uid)).toEqual(ALL.slice(5).filter((uid) => uid !== 'uid-7'));
  for (const [, [one, other]] of repeated) expect(other?.bytes).toEqual(one?.bytes);
  expect(refused).toEqual(['uid-7']);
  expect(await journal.deadLetters.of('siem')).toEqual([]);
});

test('a redelivery that the end of the delivery cuts off rejects with an AbortError', async () => {
  await using directory = await temporaryDirectory();
  await using journal = await filled(directory.path);
  await using running = await startDelivery({ parts: { journal } });
  running.start();
  await running.delivery.idle();
  running.receiver.answer = () => ({ status: 503 });

  const redelivery = running.delivery.redeliver(
    await redeliverSince(journal, running.delivery.destination, 0),
  );
  const outcome = redelivery.catch((error: unknown) => error);
  await running.asleep();
  await running.stop();

  expect(await outcome).toMatchObject({ name: 'AbortError' });
});
