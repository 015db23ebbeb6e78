import { describe, expect, test } from 'vitest';
import { elasticsearchError, elasticsearchOtlp, mappingConflict } from '../support/elasticsearch-otlp.ts';
import type { ReceivedRecord } from '../../src/simulators/otlp-receiver-decode.ts';
import type { Answering, ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';
import { events } from './support/events.ts';
import { startDelivery } from './support/running.ts';

const SIZE = 16;
const ALL = events(SIZE).map(({ uid }) => uid);
const OVERRIDES = { profile: 'elastic-bodymap' } as const;

/** Delivers sixteen events to a receiver that answers like this, until so many requests are made and so many events passed. */
async function delivered(
  answer: Answering,
  { requests, passed = SIZE, overrides = {} }: Delivering,
): Promise<Delivered> {
  await using running = await startDelivery({ overrides: { ...OVERRIDES, ...overrides } });
  running.receiver.answer = answer;
  running.journal.add(events(SIZE));
  running.start();
  await running.play(() => running.journal.passed >= passed && running.receiver.exports.length >= requests);
  await running.stop();
  const { letters, pauses } = running.journal;
  return {
    requests: running.receiver.exports.length,
    has: [...running.receiver.ids().keys()].toSorted(),
    letters: Object.fromEntries(letters.map(({ uid, reason }) => [uid, reason])),
    statuses: letters.map(({ status }) => status),
    pauses: pauses.filter((reason) => reason !== undefined),
    rejected: running.reports.reduce((sum, { rejected }) => sum + rejected, 0),
    delivered: running.reports.reduce((sum, { delivered }) => sum + delivered, 0),
  };
}

interface Delivering {
  readonly requests: number;
  readonly passed?: number;
  readonly overrides?: Parameters<typeof startDelivery>[0] extends { overrides?: infer O } | undefined
    ? O
    : never;
}

interface Delivered {
  readonly requests: number;
  readonly has: readonly string[];
  readonly letters: Readonly<Record<string, string>>;
  readonly statuses: readonly (number | undefined)[];
  readonly pauses: readonly string[];
  readonly rejected: number;
  readonly delivered: number;
}

/** Rejects the documents with these ids for a mapping conflict. */
const refusing = (...uids: readonly string[]) =>
  elasticsearchOtlp((record) =>
    uids.includes(record.uid) ? mappingConflict(record, 'qradar.count') : undefined,
  );

/** This response to the first request, then those of Elasticsearch. */
function first(answer: ReceiverAnswer, then = elasticsearchOtlp()): Answering {
  let given = 0;
  return (request) => (given++ === 0 ? answer : then(request));
}

const without = (...uids: readonly string[]) => ALL.filter((uid) => !uids.includes(uid)).toSorted();

describe('Elasticsearch’s OTLP endpoint', () => {
  test('Elasticsearch accepts what fits, and its empty response is a success', async () => {
    const found = await delivered(elasticsearchOtlp(), { requests: 1 });

    expect(found).toMatchObject({ requests: 1, has: ALL.toSorted(), letters: {}, delivered: SIZE });
  });

  test('a document that does not fit and is named becomes the only dead letter', async () => {
    const found = await delivered(refusing('uid-5'), { requests: 1 });

    expect(found).toMatchObject({ requests: 1, has: without('uid-5'), statuses: [200], pauses: [] });
    expect(Object.keys(found.letters)).toEqual(['uid-5']);
    expect(found.letters['uid-5']).toMatch(/status \[BAD_REQUEST\].*failed to parse field \[qradar\.count\]/);
    expect(found).toMatchObject({ rejected: 1, delivered: SIZE - 1 });
  });

  test('when one of several documents that do not fit is named, all that were sent together become dead letters', async () => {
    const found = await delivered(refusing('uid-5', 'uid-6'), { requests: 1 });

    expect(found.has).toEqual(without('uid-5', 'uid-6'));
    expect(Object.keys(found.letters).toSorted()).toEqual(ALL.toSorted());
    expect(found.letters['uid-0']).toMatch(/^perhaps rejected: 2 of 16 .*failed to parse field/);
    expect(found).toMatchObject({ requests: 1, rejected: 2 });
  });

  test('a repeat is a conflict, which is not a rejection', async () => {
    const store = elasticsearchOtlp();
    const lost: Answering = async (request) => ({ ...(await store(request)), fault: 'reset' });
    let given = 0;

    const found = await delivered((request) => (given++ === 0 ? lost(request) : store(request)), {
      requests: 2,
    });

    expect(found).toMatchObject({ requests: 2, has: ALL.toSorted(), letters: {}, rejected: 0 });
  });

  test('a conflict and a document that does not fit are distinguished in the same response', async () => {
    const store = refusing('uid-5');
    const lost: Answering = async (request) => ({ ...(await store(request)), fault: 'reset' });
    let given = 0;

    const found = await delivered((request) => (given++ === 0 ? lost(request) : store(request)), {
      requests: 2,
    });

    expect(Object.keys(found.letters)).toEqual(['uid-5']);
    expect(found.letters['uid-5']).toMatch(/failed to parse/);
    expect(found.letters['uid-5']).not.toMatch(/CONFLICT/);
    expect(found).toMatchObject({ requests: 2, has: without('uid-5'), rejected: 1 });
  });

  test('a request of which a part was too much gets 429, and its accepted records are conflicts when it is sent again', async () => {
    let busy = true;
    const store = elasticsearchOtlp((record: ReceivedRecord) =>
      busy && record.uid === 'uid-9'
        ? { status: 'TOO_MANY_REQUESTS', words: 'rejected execution' }
        : undefined,
    );

    const found = await delivered(
      async (request) => {
        const answer = await store(request);
        busy = false;
        return answer;
      },
      { requests: 2 },
    );

    expect(found).toMatchObject({ requests: 2, has: ALL.toSorted(), letters: {}, rejected: 0, pauses: [] });
  });

  test('a document that is redirected to the failure store is not accepted', async () => {
    const redirected = { rejected: 1, words: 'Redirected 1 documents to the failure store.\n' };

    const found = await delivered(first({ status: 200, partialSuccess: redirected }), { requests: 1 });

    expect(found.letters['uid-0']).toBe(
      'perhaps rejected: 1 of 16 records sent together were; Redirected 1 documents to the failure store.',
    );
    expect(Object.keys(found.letters)).toHaveLength(SIZE);
  });

  test.each([
    [401, 'security_exception', 'unable to authenticate with provided credentials'],
    [403, 'security_exception', 'action [indices:data/write/bulk] is unauthorized for API key'],
    [404, 'resource_not_found_exception', 'no such place'],
  ])('a response of %i pauses and costs no record', async (status, type, reason) => {
    const found = await delivered(first(elasticsearchError(status, type, reason)), { requests: 3 });

    expect(found).toMatchObject({ requests: 3, has: ALL.toSorted(), letters: {} });
    expect(found.pauses).toHaveLength(1);
    expect(found.pauses[0]).toContain(`${status}: ${reason}`);
  });

  test('a request whose every index is forbidden pauses and costs no record', async () => {
    let repaired = false;
    const store = elasticsearchOtlp(() =>
      repaired ? undefined : { status: 'FORBIDDEN', words: 'is unauthorized for API key id [a]' },
    );

    const found = await delivered(
      async (request) => {
        const answer = await store(request);
        repaired = request.records.length === 1;
        return answer;
      },
      { requests: 4 },
    );

    expect(found).toMatchObject({ has: ALL.toSorted(), letters: {}, rejected: 0 });
    expect(found.pauses).toHaveLength(2);
    expect(found.pauses[0]).toContain('is unauthorized for API key id [a]');
  });

  test('a version without the endpoint (before 9.5) answers 400 to everything, which pauses and costs no record', async () => {
    const reason = 'no handler found for uri [/_otlp/v1/logs] and method [POST]';
    const body = JSON.stringify({ error: reason, status: 400 });

    const found = await delivered(() => ({ status: 400, body }), { requests: 8, passed: 0 });

    expect(found).toMatchObject({ has: [], letters: {} });
    expect(found.pauses[0]).toContain(reason);
  });

  test('JSON is rejected, which pauses and costs no record', async () => {
    const overrides = { protocol: 'http/json' } as const;

    const found = await delivered(elasticsearchOtlp(), { requests: 2, passed: 0, overrides });

    expect(found).toMatchObject({ has: [], letters: {} });
    expect(found.pauses[0]).toContain('Content-Type header [application/json] is not supported');
  });

  test('a request that is too large gets 413 and is split', async () => {
    const store = elasticsearchOtlp();
    const tooLarge = elasticsearchError(413, 'content_too_long_exception', 'entity content is too long');

    const found = await delivered((request) => (request.records.length > 8 ? tooLarge : store(request)), {
      requests: 3,
    });

    expect(found).toMatchObject({ requests: 3, has: ALL.toSorted(), letters: {}, pauses: [] });
  });
});
