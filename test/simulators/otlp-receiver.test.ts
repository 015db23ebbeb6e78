import { gzipSync } from 'node:zlib';
import { SeverityNumber } from '@opentelemetry/api';
import { JsonLogsSerializer, ProtobufLogsSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import {
  ACCEPTED,
  ANSWER_LOST,
  HTML_LOGIN,
  limited,
  loki,
  partial,
  type Receiver,
  refusing,
  startReceiver,
} from '../../src/simulators/otlp-receiver.ts';

const clock = new DrivenClock('2026-03-02T12:00:00Z');
const scope = { name: 'penstock', version: '1', attributes: { 'elastic.mapping.mode': 'ecs' } };
const ENCODINGS = ['protobuf', 'json'] as const;
type Encoding = (typeof ENCODINGS)[number];
let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver({ clock });
});

afterEach(() => receiver[Symbol.asyncDispose]());

type Attributes = ReadableLogRecord['attributes'];

function records(...all: Attributes[]): ReadableLogRecord[] {
  const resource = resourceFromAttributes({ 'service.name': 'penstock' });
  return all.map((attributes) => ({
    hrTime: [1_772_452_800, 123_456_789],
    hrTimeObserved: [1_772_452_801, 1],
    severityNumber: SeverityNumber.INFO,
    severityText: 'INFO',
    body: 'a message',
    attributes,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
  }));
}

const uids = (...all: string[]) => records(...all.map((uid) => ({ 'log.record.uid': uid })));

function body(sent: ReadableLogRecord[], encoding: Encoding): Buffer {
  const serializer = encoding === 'json' ? JsonLogsSerializer : ProtobufLogsSerializer;
  return Buffer.from(serializer.serializeRequest(sent) ?? []);
}

function post(raw: Buffer | string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(`${receiver.url}/v1/logs`, {
    method: 'POST',
    body: typeof raw === 'string' ? raw : new Uint8Array(raw),
    headers,
  });
}

const TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' };

function send(sent: ReadableLogRecord[], encoding: Encoding = 'protobuf'): Promise<Response> {
  return post(body(sent, encoding), { 'content-type': TYPES[encoding] });
}

const taken = () => receiver.received().map(({ uid }) => uid);

describe.each(ENCODINGS)('The OTLP receiver, %s', (encoding) => {
  it('the receiver decodes resource, scope, times, severity, body and attributes of every type', async () => {
    const nested = { list: ['a', 'b'], deep: { yes: true } };

    await send(records({ 'log.record.uid': 'u1', text: 'é', whole: -7, half: 1.5, nested }), encoding);

    expect(receiver.received()).toEqual([
      {
        uid: 'u1',
        resource: { 'service.name': 'penstock' },
        scope,
        record: {
          timeUnixNano: 1_772_452_800_123_456_789n,
          observedTimeUnixNano: 1_772_452_801_000_000_001n,
          severityNumber: 9,
          severityText: 'INFO',
          eventName: '',
          body: 'a message',
          attributes: { 'log.record.uid': 'u1', text: 'é', whole: -7, half: 1.5, nested },
          droppedAttributesCount: 0,
        },
        bytes: expect.any(Uint8Array) as Uint8Array,
      },
    ]);
  });

  it("the receiver answers the Collector's success in the request's encoding", async () => {
    const response = await send(uids('a'), encoding);

    const answered = Buffer.from(await response.arrayBuffer());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(TYPES[encoding]);
    expect(answered).toEqual(
      encoding === 'json' ? Buffer.from('{"partialSuccess":{}}') : Buffer.from([0x0a, 0]),
    );
  });

  it('the receiver reads gzip, and an empty request', async () => {
    const packed = await post(gzipSync(body(uids('a', 'b'), encoding)), {
      'content-type': `${TYPES[encoding]}; charset=utf-8`,
      'content-encoding': 'gzip',
    });
    const empty = await send([], encoding);

    expect([packed.status, empty.status]).toEqual([200, 200]);
    expect(taken()).toEqual(['a', 'b']);
    expect(receiver.exports.map(({ size }) => size)).toEqual([
      body(uids('a', 'b'), encoding).length,
      body([], encoding).length,
    ]);
  });

  it('the receiver answers a partial success that the serializers understand, and keeps the rest', async () => {
    receiver.script.push(partial(1, 'version_conflict'));

    const response = await send(uids('a', 'b'), encoding);

    const serializer = encoding === 'json' ? JsonLogsSerializer : ProtobufLogsSerializer;
    const emitted = serializer.deserializeResponse(new Uint8Array(await response.arrayBuffer()));
    expect(Number(emitted.partialSuccess?.rejectedLogRecords)).toBe(1);
    expect(emitted.partialSuccess?.errorMessage).toBe('version_conflict');
    expect(taken()).toEqual(['b']);
  });

  it('the receiver keeps nothing that it rejects, and says why', async () => {
    receiver.script.push({ status: 503, headers: { 'retry-after': '7' }, words: 'queue is full' });

    const response = await send(uids('a'), encoding);

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.text()).toContain('queue is full');
    expect(taken()).toEqual([]);
    expect(receiver.exports).toMatchObject([{ records: [{ uid: 'a' }], taken: [] }]);
  });

  it.each([
    ['garbage', Buffer.from('<html>')],
    ['a cut body', body(uids('a'), encoding).subarray(0, -3)],
  ])('the receiver answers 400 to %s', async (_name, raw) => {
    const response = await post(raw, { 'content-type': TYPES[encoding] });

    expect(response.status).toBe(400);
    expect(receiver.exports).toEqual([]);
  });
});

describe('Bytes of records', () => {
  it('bytes are equal for equal records, whatever the batch, the encoding and the compression', async () => {
    await send(uids('a', 'b'), 'protobuf');
    await send(uids('a'), 'json');
    await send(uids('x', 'a').slice(1), 'protobuf');

    const [first, other, ...repeats] = receiver.received().map(({ bytes }) => bytes);
    expect(repeats).toEqual([first, first]);
    expect(other).not.toEqual(first);
  });

  it.each([
    ['an attribute', () => records({ 'log.record.uid': 'a', more: 1 })],
    [
      'the observed time',
      () => uids('a').map((record) => ({ ...record, hrTimeObserved: [5, 6] as [number, number] })),
    ],
    ['the scope', () => uids('a').map((record) => ({ ...record, instrumentationScope: { name: 'other' } }))],
    [
      'the resource',
      () => uids('a').map((record) => ({ ...record, resource: resourceFromAttributes({ pid: 1 }) })),
    ],
  ])('bytes differ by %s', async (_name, changed) => {
    await send(uids('a'));
    await send(changed());

    const [first, second] = receiver.ids().get('a') ?? [];
    expect(second?.bytes).not.toEqual(first?.bytes);
  });
});

function withAttribute(value: string): string {
  const record = `{"body":{"stringValue":"x"},"attributes":[{"key":"n","value":${value}}]}`;
  return `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`;
}

describe('The OTLP receiver, JSON', () => {
  it.each([
    ['{"intValue":"9007199254740993"}', 9_007_199_254_740_993n],
    ['{"intValue":9007199254740993}', 9_007_199_254_740_993n],
    ['{"intValue":5}', 5],
    ['{"doubleValue":5}', 5],
    ['{}', null],
    ['{"stringValue":"","unknown":1}', ''],
  ])('%s', async (value, expected) => {
    const response = await post(withAttribute(value), { 'content-type': 'application/json' });

    expect(response.status).toBe(200);
    expect(receiver.received()[0]?.record.attributes).toEqual({ n: expected });
  });

  it.each(['{"intValue":1e+21}', '{"doubleValue":null}', '{"intValue":1.5}'])(
    'the receiver rejects %s, as the Collector does',
    async (value) => {
      const response = await post(withAttribute(value), { 'content-type': 'application/json' });

      expect(response.status).toBe(400);
      expect(receiver.received()).toEqual([]);
    },
  );
});

describe('Requests that are not exports', () => {
  it('requests that are not exports get the answers of a web server', async () => {
    const elsewhere = await fetch(`${receiver.url}/v1/traces`, { method: 'POST' });
    const read = await fetch(`${receiver.url}/v1/logs`);
    const text = await post('x', { 'content-type': 'text/plain' });
    const brotli = await post('x', { 'content-type': 'application/json', 'content-encoding': 'br' });
    const noGzip = await post('x', { 'content-type': 'application/json', 'content-encoding': 'gzip' });

    expect([elsewhere, read, text, brotli, noGzip].map(({ status }) => status)).toEqual([
      404, 405, 415, 400, 400,
    ]);
  });
});

describe('Answers of the receiver', () => {
  it('the receiver can lose the acknowledgement of accepted records', async () => {
    receiver.script.push(ANSWER_LOST);

    await expect(send(uids('a'))).rejects.toThrow('fetch failed');
    await send(uids('a'));

    expect(receiver.ids().get('a')).toHaveLength(2);
  });

  it.each([
    [{ status: 204 }, ['a']],
    [HTML_LOGIN, []],
    [{ status: 401 }, []],
    [{ status: 413 }, []],
  ])('%o', async (answer, expected) => {
    receiver.script.push(answer);

    const response = await send(uids('a'));

    expect(response.status).toBe(answer.status);
    expect(taken()).toEqual(expected);
  });

  it('the receiver can reject whole requests for one record', async () => {
    receiver.answer = refusing(({ uid }) => uid === 'bad', { status: 422, words: 'bad one' });

    const statuses = [];
    for (const batch of [uids('a', 'bad'), uids('a'), uids('bad')]) statuses.push((await send(batch)).status);

    expect(statuses).toEqual([422, 200, 422]);
    expect(taken()).toEqual(['a']);
  });

  it('the receiver can answer like Loki', async () => {
    receiver.answer = loki(({ uid }) => uid === 'old');

    const mixed = await send(uids('a', 'old'), 'json');
    const fine = await send(uids('b'));
    const empty = await send([]);

    expect([mixed.status, fine.status, empty.status]).toEqual([400, 204, 422]);
    expect(mixed.headers.get('content-type')).toBe('application/octet-stream');
    expect(Buffer.from(await mixed.arrayBuffer())).toEqual(
      Buffer.concat([Buffer.from([0x12, 27]), Buffer.from('entry has timestamp too old')]),
    );
    expect(taken()).toEqual(['a', 'b']);
  });

  it('the receiver can limit the size of a request', async () => {
    receiver.answer = limited(200, 413);

    const large = await send(uids('a', 'x'.repeat(300)));
    const small = await send(uids('a'));

    expect([large.status, small.status]).toEqual([413, 200]);
  });

  it('the receiver answers after a delay by the clock, or never', async () => {
    receiver.script.push({ ...ACCEPTED, delay: 3_000 }, { status: 503, fault: 'hang' });
    const late = send(uids('a'));
    await receiver.until(1);
    const stop = new AbortController();

    await clock.advance(3_000);
    expect((await late).status).toBe(200);
    const never = fetch(`${receiver.url}/v1/logs`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
      signal: stop.signal,
    });
    await receiver.asked(2);
    stop.abort();

    await expect(never).rejects.toThrow('aborted');
  });
});

describe('Waiting for records', () => {
  it('waiting ends with the record that meets the condition', async () => {
    const two = receiver.until(2);
    const last = receiver.until((all) => all.some(({ uid }) => uid === 'c'));

    await send(uids('a', 'b'));
    await two;
    await send(uids('c'));

    await expect(last).resolves.toBeUndefined();
  });

  it('waiting ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const waiting = receiver.until(1, stop.signal);

    stop.abort(new Error('enough'));

    await expect(waiting).rejects.toThrow('enough');
  });

  it('the receiver passes accepted records, and no others, to a hook', async () => {
    const printed: string[] = [];
    receiver.onRecords = (all) => void printed.push(...all.map(({ uid }) => uid));
    receiver.script.push({ status: 500 });

    await send(uids('refused'));
    await send(uids('a', 'b'));

    expect(printed).toEqual(['a', 'b']);
  });

  it('waiting continues while the receiver is away', async () => {
    await send(uids('a'));

    await receiver.away();
    await expect(send(uids('b'))).rejects.toThrow('fetch failed');
    await receiver.back();
    await send(uids('b'));

    expect(taken()).toEqual(['a', 'b']);
  });
});
