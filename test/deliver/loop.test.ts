import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import { ACCEPTED, HTML_LOGIN, refusing } from '../../src/simulators/otlp-receiver.ts';
import { event, events } from './support/events.ts';
import { startDelivery } from './support/running.ts';
import { encodedAlone } from '../support/records.ts';

const is =
  (...uids: readonly string[]) =>
  ({ uid }: ReceivedRecord) =>
    uids.includes(uid);

test('events are delivered that are in the journal at the start, and that are committed later', async () => {
  await using running = await startDelivery();
  running.journal.add(events(3));

  running.start();
  await running.delivery.idle();
  running.journal.add(events(2, 3));
  const rest = await running.delivery.idle();

  expect(rest).toBe('caught-up');
  expect(running.receiver.received().map(({ uid }) => uid)).toEqual(events(5).map(({ uid }) => uid));
  expect(running.journal.passed).toBe(5);
  expect(running.lines).toEqual([]);
});

test('a delivery is not idle when a commit came while it read the end of the journal', async () => {
  await using running = await startDelivery();
  const { journal, delivery, receiver } = running;
  const read = journal.pages.read.bind(journal.pages);
  const received = new Promise<number>((resolve) => {
    journal.pages.read = async (position) => {
      const end = await read(position);
      journal.pages.read = read;
      journal.add(events(1));
      void delivery.idle().then(() => resolve(receiver.received().length));
      return end;
    };
  });

  running.start();

  expect(await received).toBe(1);
});

test('a commit wakes the delivery', async () => {
  await using running = await startDelivery();

  running.start();
  await running.delivery.idle();
  running.journal.add(events(1));
  await running.receiver.until(1);

  expect(running.receiver.exports).toHaveLength(1);
});

test('nothing is sent when the journal is empty', async () => {
  await using running = await startDelivery();

  running.start();
  const rest = await running.delivery.idle();

  expect(rest).toBe('caught-up');
  expect(running.receiver.requests).toEqual([]);
});

test('the position never runs ahead, and moves with every response', async () => {
  await using running = await startDelivery({ overrides: { maxRequestBytes: 16_384 } });
  running.journal.add(events(300));
  const ahead: number[] = [];
  running.receiver.onRecords = () => {
    ahead.push(running.journal.passed - (running.receiver.received().length - 1));
  };

  running.start();
  await running.delivery.idle();

  expect(Math.max(...ahead)).toBeLessThanOrEqual(0);
  expect(running.journal.positions).toHaveLength(running.receiver.exports.length);
  expect(running.journal.positions.length).toBeGreaterThan(3);
});

test('at an end during a request its response is committed, and nothing more is sent', async () => {
  await using running = await startDelivery({ overrides: { maxRequestBytes: 16_384 } });
  running.journal.add(events(300));
  const { promise: answered, resolve: answerNow } = Promise.withResolvers<void>();
  running.receiver.answer = async () => {
    await answered;
    return ACCEPTED;
  };

  running.start();
  await running.receiver.asked(1);
  const stopped = running.stop();
  answerNow();
  await stopped;

  expect(running.receiver.exports).toHaveLength(1);
  expect(running.journal.passed).toBe(running.receiver.received().length);
});

test('an end during a wait takes effect at once', async () => {
  await using running = await startDelivery();
  running.journal.add(events(1));
  running.receiver.answer = () => ({ status: 503, headers: { 'retry-after': '86400' } });

  running.start();
  const slept = await running.asleep();
  await running.stop();

  expect(slept).toBe(3_600_000);
  expect(await running.delivery.idle()).toBe('stopped');
});

test('retries wait from one second to thirty, are logged once, and succeed in the end', async () => {
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
    'Destination unavailable; events are queued.',
    'Destination recovered.',
  ]);
});

test('a wait that the receiver asks for is an hour at most, and logged with the time of the next try', async () => {
  await using running = await startDelivery();
  running.journal.add(events(1));
  const headers = { 'retry-after': '86400', date: 'Mon, 02 Mar 2026 12:00:00 GMT' };
  running.receiver.answer = () => ({ status: 503, headers, words: 'maintenance' });

  running.start();
  const first = await running.asleep();
  await running.clock.advance(first);
  const second = await running.asleep();

  expect([first, second]).toEqual([3_600_000, 3_600_000]);
  expect(running.lines).toMatchObject([
    {
      msg: 'Destination unavailable; events are queued.',
      penstock: { retry_after_ms: 3_600_000, next_try_at: '2026-03-02T13:00:00.000Z' },
      error: { message: 'maintenance' },
    },
    { penstock: { next_try_at: '2026-03-02T14:00:00.000Z' } },
  ]);
});

test('a success that cannot be read is logged once, and its records are delivered', async () => {
  await using running = await startDelivery();
  running.receiver.answer = () => ({ status: 200, body: 'OK', headers: { 'content-type': 'text/plain' } });

  running.start();
  for (let round = 0; round < 3; round += 1) {
    running.journal.add(events(2, 2 * round));
    await running.delivery.idle();
  }

  expect(running.journal.passed).toBe(6);
  expect(running.lines).toMatchObject([
    {
      msg: expect.stringContaining('go unnoticed'),
      error: { message: expect.stringContaining('text/plain') },
    },
  ]);
});

test('a partial success that is compressed is not overlooked', async () => {
  await using running = await startDelivery({ overrides: { protocol: 'http/json' } });
  const partial = { partialSuccess: { rejectedLogRecords: '1', errorMessage: 'too old' } };
  running.receiver.answer = () => ({
    status: 200,
    headers: { 'content-encoding': 'gzip' },
    body: gzipSync(JSON.stringify(partial)),
  });
  running.journal.add(events(1));

  running.start();
  await running.delivery.idle();

  expect(running.journal.letters).toMatchObject([
    { uid: 'uid-0', reason: expect.stringContaining('too old') },
  ]);
  expect(running.lines).toHaveLength(1);
});

test('the state shows that a delivery is retrying, since when, why and until when', async () => {
  await using running = await startDelivery();
  running.journal.add(events(1));
  running.receiver.answer = () => ({ status: 503, words: 'busy' });

  running.start();
  const since = running.clock.now();
  await running.asleep();
  await running.clock.advance(1_000);
  await running.asleep();
  const retrying = running.delivery.state;
  running.receiver.answer = () => ACCEPTED;
  await running.clock.advance(2_000);
  await running.delivery.idle();

  expect(retrying).toEqual({
    kind: 'retrying',
    since,
    reason: 'HTTP 503: busy',
    until: since + 3_000,
    position: { sequence: 1, offset: 0 },
  });
  expect(running.delivery.state.kind).toBe('idle');
  expect(running.reports.map(({ kind, delivered }) => [kind, delivered])).toEqual([
    ['retry', 0],
    ['retry', 0],
    ['accepted', 1],
  ]);
});

describe('a paused destination', () => {
  test('a pause is logged once, keeps the data, tries one record a minute, and ends automatically', async () => {
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

  test('a destination that the process before paused is tried at once, with one record', async () => {
    await using running = await startDelivery();
    running.journal.add(events(3));
    running.journal.pauses.push('HTTP 401');

    running.start();
    await running.delivery.idle();

    expect(running.receiver.exports.map(({ records }) => records.length)).toEqual([1, 2]);
    expect(running.journal.pauses).toEqual(['HTTP 401', undefined]);
  });

  test.each([0, 7])('a pause because of 403 for record %i ends in the next process', async (bad) => {
    await using running = await startDelivery();
    running.receiver.answer = refusing(is(`uid-${bad}`), { status: 403 });
    running.journal.add(events(20));
    running.journal.pauses.push('HTTP 403');

    running.start();
    const rest = await running.delivery.idle();

    expect(rest).toBe('caught-up');
    expect(running.journal.letters).toMatchObject([{ uid: `uid-${bad}`, status: 403 }]);
    expect(running.receiver.received()).toHaveLength(19);
    expect(running.reports.filter(({ kind }) => kind === 'paused')).toEqual([]);
  });

  test('a destination that answers 403 to everything gets four records when a process starts, then one a minute', async () => {
    await using running = await startDelivery();
    running.receiver.answer = () => ({ status: 403 });
    running.journal.add(events(20));
    running.journal.pauses.push('HTTP 403');

    running.start();
    const rest = await running.delivery.idle();
    const atStart = running.receiver.exports.length;
    for (let minutes = 0; minutes < 3; minutes += 1) await running.clock.advance(await running.asleep());
    await running.asleep();

    expect([rest, atStart]).toEqual(['paused', 4]);
    expect(running.receiver.exports.map(({ records }) => records.length)).toEqual(Array(7).fill(1));
    expect(running.journal.letters).toEqual([]);
  });

  test('a pause because of the only record ends when a later record is accepted', async () => {
    await using running = await startDelivery();
    running.receiver.answer = refusing(is('uid-0'));
    running.journal.add(events(1));

    running.start();
    const rest = await running.delivery.idle();
    const letters = running.journal.letters.length;
    await running.asleep();
    running.journal.add(events(2, 1));
    await running.play(() => running.journal.passed === 3);
    await running.delivery.idle();

    expect([rest, letters]).toEqual(['paused', 0]);
    expect(running.journal.letters.map(({ uid, status, reason }) => [uid, status, reason])).toEqual([
      ['uid-0', 400, 'record refused'],
    ]);
    expect([...running.receiver.ids().keys()].toSorted()).toEqual(['uid-1', 'uid-2']);
    expect(running.receiver.received()).toHaveLength(2);
  });

  test('a record for which a receiver always fails does not pause it, since a later record proves it at fault', async () => {
    await using running = await startDelivery();
    running.receiver.answer = refusing(is('uid-0'), { status: 500, words: 'backend refused' });
    running.journal.add(events(1));

    running.start();
    for (let round = 0; round < 5; round += 1) await running.clock.advance(await running.asleep());
    const letters = running.journal.letters.length;
    running.journal.add(events(2, 1));
    await running.play(() => running.journal.passed === 3);

    expect(letters).toBe(0);
    expect(running.journal.pauses).toEqual([]);
    expect(running.journal.letters.map(({ uid, status }) => [uid, status])).toEqual([['uid-0', 500]]);
    expect(running.receiver.received()).toHaveLength(2);
  });

  test('a receiver that rejects everything does not fill the memory with large records to try', async () => {
    await using running = await startDelivery();
    running.receiver.answer = () => ({ status: 400 });
    for (let number = 0; number < 60; number += 1)
      running.journal.add([event(number, { message: 'x'.repeat(500_000) })]);
    const { pages } = running.journal;
    const read = pages.read.bind(pages);
    let last = 0;
    pages.read = async (position) => {
      last = Math.max(last, position.sequence);
      return read(position);
    };

    running.start();
    for (let minutes = 0; minutes < 60; minutes += 1) await running.clock.advance(await running.asleep());
    await running.asleep();

    // 16 MiB, and the next record, which did not fit.
    expect(last).toBeLessThan(40);
    expect(running.journal.letters).toEqual([]);
  });

  test('a receiver that rejected everything and was repaired has every record', async () => {
    await using running = await startDelivery();
    running.receiver.answer = () => ({ status: 400, words: 'json encoding is not supported' });
    running.journal.add(events(50));

    running.start();
    await running.delivery.idle();
    for (let minutes = 0; minutes < 3; minutes += 1) await running.clock.advance(await running.asleep());
    running.receiver.answer = () => ACCEPTED;
    await running.play(() => running.journal.passed === 50);

    expect(running.journal.letters).toEqual([]);
    expect(running.receiver.received()).toHaveLength(50);
  });
});

describe('dead letters', () => {
  test('events that become too old while they wait become dead letters without a request', async () => {
    await using running = await startDelivery({ overrides: { maxEventAge: 3_600_000 } });
    running.journal.add([event(0), event(1, { '@timestamp': '2026-03-02T12:59:00Z' })]);
    running.receiver.answer = () => ({ status: 503, headers: { 'retry-after': '3600' } });

    running.start();
    await running.asleep();
    running.receiver.answer = () => ACCEPTED;
    await running.clock.advance(3_600_000);
    await running.delivery.idle();

    expect(running.receiver.ids().keys().toArray()).toEqual(['uid-1']);
    expect(running.journal.letters).toMatchObject([
      { uid: 'uid-0', status: undefined, reason: expect.stringContaining('max_event_age') },
    ]);
    expect(running.journal.passed).toBe(2);
  });

  test('dead letters are logged once, with their count, and again when there are ten times as many', async () => {
    await using running = await startDelivery();
    // Part of each batch is accepted, so that the destination does not pause.
    running.receiver.answer = refusing(({ uid }) => Number(uid.slice('uid-'.length)) % 2 === 1);
    running.start();
    for (let batch = 0; batch < 30; batch += 1) {
      running.journal.add([event(batch * 2), event(batch * 2 + 1)]);
      await running.delivery.idle();
    }

    const warnings = running.lines.filter(({ msg }) => msg.includes('dead letters'));
    expect(running.journal.letters).toHaveLength(30);
    expect(warnings.map(({ penstock }) => penstock?.['dead_letters'])).toEqual([1, 10]);
  });

  test('a dead letter holds the record as it was stored and all that a later try needs', async () => {
    await using running = await startDelivery();
    running.receiver.answer = refusing(is('uid-1'));
    running.journal.add(events(2), { lane: 'backfill' });

    running.start();
    await running.delivery.idle();

    expect(running.journal.letters).toEqual([
      {
        uid: 'uid-1',
        record: encodedAlone(event(1)),
        stream: 'qradar-login-attempts|https://qradar.example.com|',
        dataset: 'qradar.login_attempts',
        lane: 'backfill',
        observedAt: Date.parse('2026-03-02T12:00:00Z'),
        status: 400,
        reason: 'record refused',
        at: running.clock.now(),
      },
    ]);
  });

  test('a destination is paused while there is no room for its dead letters', async () => {
    await using running = await startDelivery();
    running.receiver.answer = refusing(is('uid-1'));
    running.journal.add(events(4));
    Object.assign(running.journal, { space: 'full', letterBytes: 800 });

    running.start();
    const rest = await running.delivery.idle();
    const before = running.journal.letters.length;
    await running.asleep();
    running.journal.space = 'free';
    await running.play(() => running.journal.passed === 4);

    expect([rest, before]).toEqual(['paused', 0]);
    expect(running.journal.letters.map(({ uid }) => uid)).toEqual(['uid-1']);
    expect(running.receiver.received()).toHaveLength(3);
  });

  test('a journal that is full of undelivered events has room for dead letters, since they let it move on', async () => {
    await using running = await startDelivery();
    running.receiver.answer = refusing(is('uid-1'));
    running.journal.add(events(4));
    Object.assign(running.journal, { space: 'full', letterBytes: 200 });

    running.start();
    const rest = await running.delivery.idle();

    expect(rest).toBe('caught-up');
    expect(running.journal.letters).toHaveLength(1);
  });
});
