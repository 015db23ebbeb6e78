import { describe, expect, test } from 'vitest';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import {
  ACCEPTED,
  ANSWER_LOST,
  type Answering,
  HTML_LOGIN,
  loki,
  partial,
  type ReceiverAnswer,
  refusing,
} from '../../src/simulators/otlp-receiver.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

const PROTOCOLS = ['http/protobuf', 'http/json'] as const;

const SIZE = 16;
const ALL = events(SIZE).map(({ uid }) => uid);

const without = (...uids: readonly string[]) => ALL.filter((uid) => !uids.includes(uid));
const isOneOf =
  (...uids: readonly string[]) =>
  ({ uid }: ReceivedRecord) =>
    uids.includes(uid);

/** This response so many times, then the Collector's success. */
function first(times: number, answer: ReceiverAnswer): Answering {
  let given = 0;
  return () => (given++ < times ? answer : ACCEPTED);
}

interface Row {
  readonly answer: () => Answering;
  /** What the receiver has in the end, each once. Default: everything. */
  readonly has?: readonly string[];
  /** The dead letters and their status (0: no response). Default: none. */
  readonly dead?: Readonly<Record<string, number>>;
  readonly requests: number;
  /** Default: everything was passed. */
  readonly passed?: number;
  readonly pauses?: number;
  /** How many records it received in all, repeats too. Default: each once. */
  readonly received?: number;
}

/** What each response of a receiver leads to, row by row. */
const ROWS: Readonly<Record<string, Row>> = {
  success: { answer: () => () => ACCEPTED, requests: 1 },
  '204 without a body': { answer: () => () => ({ status: 204 }), requests: 1 },
  'HTML, then repaired': { answer: () => first(2, HTML_LOGIN), requests: 4, pauses: 1 },
  'a redirect, then repaired': {
    answer: () => first(1, { status: 302, headers: { location: '/login' } }),
    requests: 3,
    pauses: 1,
  },
  'partial success': {
    answer: () => first(1, partial(3, 'record too old')),
    has: without('uid-0', 'uid-1', 'uid-2'),
    dead: Object.fromEntries(ALL.map((uid) => [uid, 200])),
    requests: 1,
  },
  'partial success that names only duplicates': {
    answer: () => first(1, { ...partial(3, 'status [409]: version conflict'), take: () => true }),
    requests: 1,
  },
  'a warning': { answer: () => first(1, partial(0, 'slow down')), requests: 1 },
  '400 for one record': {
    answer: () => refusing(isOneOf('uid-11')),
    has: without('uid-11'),
    dead: { 'uid-11': 400 },
    requests: 9,
  },
  '413 for one record': {
    answer: () => refusing(isOneOf('uid-3'), { status: 413 }),
    has: without('uid-3'),
    dead: { 'uid-3': 413 },
    requests: 9,
  },
  '422 for the first and the last record': {
    answer: () => refusing(isOneOf('uid-0', 'uid-15'), { status: 422 }),
    has: without('uid-0', 'uid-15'),
    dead: { 'uid-0': 422, 'uid-15': 422 },
    requests: 13,
  },
  'a request larger than the receiver accepts': {
    answer: () => noMoreThan(2, { status: 400, words: 'http: request body too large' }),
    requests: 15,
  },
  '401, then repaired': { answer: () => first(1, { status: 401 }), requests: 3, pauses: 1 },
  '403, then repaired': { answer: () => first(1, { status: 403 }), requests: 3, pauses: 1 },
  '403 for one record, of a filter in front of the receiver': {
    answer: () => refusing(isOneOf('uid-11'), { status: 403 }),
    has: without('uid-11'),
    dead: { 'uid-11': 403 },
    requests: 13,
    pauses: 1,
  },
  '406 for the first record': {
    answer: () => refusing(isOneOf('uid-0'), { status: 406 }),
    has: without('uid-0'),
    dead: { 'uid-0': 406 },
    requests: 5,
    pauses: 1,
  },
  '401 for one record is not the fault of that record': {
    answer: () => refusing(isOneOf('uid-11'), { status: 401 }),
    has: ['uid-0'],
    passed: 1,
    requests: 3,
    pauses: 2,
  },
  '404, then repaired': { answer: () => first(1, { status: 404 }), requests: 3, pauses: 1 },
  '405, then repaired': { answer: () => first(1, { status: 405 }), requests: 3, pauses: 1 },
  '415, then repaired': { answer: () => first(1, { status: 415 }), requests: 3, pauses: 1 },
  '408, once': { answer: () => first(1, { status: 408 }), requests: 2 },
  '429 with Retry-After': {
    answer: () => first(5, { status: 429, headers: { 'retry-after': '7' } }),
    requests: 6,
  },
  '429 above the burst, for ever': { answer: () => noMoreThan(5, { status: 429 }), requests: 3 + 2 * 3 + 4 },
  '500 for one record, for ever': {
    answer: () => refusing(isOneOf('uid-9'), { status: 500 }),
    has: without('uid-9'),
    dead: { 'uid-9': 500 },
    requests: 19,
  },
  '502, once': { answer: () => first(1, { status: 502 }), requests: 2 },
  '503, ten times': { answer: () => first(10, { status: 503 }), requests: 11 },
  '504, once': { answer: () => first(1, { status: 504 }), requests: 2 },
  '507, once': { answer: () => first(1, { status: 507 }), requests: 2 },
  'a reset for one record': {
    answer: () => resetting(isOneOf('uid-11')),
    has: without('uid-11'),
    dead: { 'uid-11': 0 },
    requests: 11,
  },
  'a lost response': { answer: () => first(1, ANSWER_LOST), requests: 2, received: 2 * SIZE },
  'a success that is cut': {
    answer: () => first(1, { ...partial(0, 'slow down'), fault: 'truncate' }),
    requests: 2,
    received: 2 * SIZE,
  },
  'a success in a coding that does not fit': {
    answer: () => () => ({ status: 200, headers: { 'content-encoding': 'gzip' }, body: 'not compressed' }),
    requests: 1,
  },
  'a success with a body above 4 MiB': {
    answer: () => () => ({ status: 200, body: Buffer.alloc(5_000_000, 0x20) }),
    requests: 1,
  },
  'everything rejected': {
    answer: () => () => ({ status: 400, words: 'no JSON here' }),
    has: [],
    requests: 8,
    passed: 0,
    pauses: 1,
  },
  'Loki, which keeps the other records of a rejected request': {
    answer: () => loki(isOneOf('uid-5')),
    has: without('uid-5'),
    dead: { 'uid-5': 400 },
    requests: 9,
    received: 41,
  },
};

/** Resets the connection of a request that holds such a record. */
function resetting(bad: (record: ReceivedRecord) => boolean): Answering {
  return ({ records }) => (records.some(bad) ? { status: 200, fault: 'reset', take: () => false } : ACCEPTED);
}

/** Rejects requests of more records than this. */
function noMoreThan(most: number, refusal: ReceiverAnswer): Answering {
  return ({ records }) => (records.length > most ? refusal : ACCEPTED);
}

describe.each(PROTOCOLS)('over %s', (protocol) => {
  test.each(Object.entries(ROWS))('%s', async (_name, row) => {
    await using running = await startDelivery({ overrides: { protocol } });
    running.receiver.answer = row.answer();
    running.journal.add(events(SIZE));
    const passed = row.passed ?? SIZE;

    running.start();
    await running.play(
      () => running.journal.passed >= passed && running.receiver.exports.length >= row.requests,
    );
    await running.stop();

    expect([...running.receiver.ids().keys()].toSorted()).toEqual([...(row.has ?? ALL)].toSorted());
    expect(running.receiver.received()).toHaveLength(row.received ?? (row.has ?? ALL).length);
    expect(Object.fromEntries(running.journal.letters.map(({ uid, status }) => [uid, status ?? 0]))).toEqual(
      row.dead ?? {},
    );
    expect(running.receiver.exports).toHaveLength(row.requests);
    expect(running.journal.pauses.filter((reason) => reason !== undefined)).toHaveLength(row.pauses ?? 0);
    expect(running.journal.passed).toBe(passed);
  });
});

test('a repeat after a lost response is byte for byte the same', async () => {
  await using running = await startDelivery();
  running.receiver.answer = first(1, ANSWER_LOST);
  running.journal.add(events(2));

  running.start();
  await running.clock.advance(await running.asleep());
  await running.delivery.idle();

  const repeats = [...running.receiver.ids().values()];
  expect(repeats.map((records) => records.length)).toEqual([2, 2]);
  for (const [one, other] of repeats) expect(other?.bytes).toEqual(one?.bytes);
});
