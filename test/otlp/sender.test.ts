import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { DestinationConfig } from '../../src/config/types.ts';
import { Secret } from '../../src/core/secret.ts';
import { LeaseLostError } from '../../src/journal/journal.ts';
import type { ExporterOutcome } from '../../src/otlp/exchange.ts';
import { Sender } from '../../src/otlp/sender.ts';
import { serve, type SimulatedAnswer, type Simulator } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { destination, event, events } from '../deliver/support/events.ts';
import { requestOf } from '../deliver/support/requests.ts';

const STATUSES = [200, 204, 302, 400, 401, 408, 413, 422, 429, 500, 502, 503, 504, 507] as const;

const WAYS = (['http/protobuf', 'http/json'] as const).flatMap((protocol) =>
  (['gzip', 'none'] as const).map((compression) => ({ protocol, compression })),
);

function answering(answer: SimulatedAnswer): Promise<Simulator> {
  return serve(() => answer, { clock: systemClock });
}

function senderTo(
  url: string,
  overrides: Partial<DestinationConfig> = {},
  proxyEnv: Readonly<Record<string, string>> = {},
  clock: Clock = systemClock,
): Sender {
  return new Sender({
    destination: destination(url, overrides),
    clock,
    proxyEnv,
  });
}

test('nothing is sent when the lease of the destination was lost', async () => {
  await using server = await answering({ status: 200 });
  const lost = new LeaseLostError({ kind: 'destination', name: 'siem' }, 'another replica took it');
  let isValid = true;
  const requireValid = () => {
    if (!isValid) throw lost;
  };
  const settings = { destination: destination(server.url), clock: systemClock, proxyEnv: {}, requireValid };
  await using sender = new Sender(settings);
  await sender.send(requestOf([event(1)]));
  isValid = false;

  await expect(sender.send(requestOf([event(2)]))).rejects.toBe(lost);

  expect(server.requests).toHaveLength(1);
});

describe.each(WAYS)('$protocol, $compression', (way) => {
  test.each(STATUSES)('an export is one request and returns its response: %i', async (status) => {
    const headers = { 'retry-after': '0', location: '/elsewhere', 'x-served-by': 'yes' };
    await using server = await answering({ status, headers, ...(status === 204 ? {} : { body: 'words' }) });
    await using sender = senderTo(server.url, way);

    const outcome = await sender.send(requestOf([event(1)], way));

    expect(outcome).toMatchObject({ status, complete: true });
    expect(outcome).toHaveProperty(['headers', 'x-served-by'], 'yes');
    expect('body' in outcome && outcome.body.toString()).toBe(status === 204 ? '' : 'words');
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.headers).toMatchObject({
      'content-type': way.protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      'user-agent': expect.stringMatching(/^penstock /),
    });
    expect(server.requests[0]?.headers['content-encoding']).toBe(
      way.compression === 'gzip' ? 'gzip' : undefined,
    );
  });

  test('a request is sent with its Content-Length and not in chunks', async () => {
    await using server = await answering({ status: 200 });
    await using sender = senderTo(server.url, way);

    await sender.send(requestOf([], way));
    await sender.send(requestOf(events(3_000), way));

    for (const { headers, body } of server.requests) {
      expect(headers['content-length']).toBe(String(body.length));
      expect(headers['transfer-encoding']).toBeUndefined();
    }
    expect(server.requests[1]?.body.length).toBeGreaterThan(20_000);
  });

  test('a connection that is reset is one request', async () => {
    await using server = await answering({ status: 200, fault: 'reset' });
    await using sender = senderTo(server.url, way);

    const outcome = await sender.send(requestOf([event(1)], way));

    expect(outcome).toMatchObject({ error: { code: 'ECONNRESET' }, unanswered: true });
    expect(server.requests).toHaveLength(1);
  });

  test('a truncated success is returned as incomplete', async () => {
    await using server = await answering({ status: 200, body: 'half of this is lost', fault: 'truncate' });
    await using sender = senderTo(server.url, way);

    const outcome = await sender.send(requestOf([event(1)], way));

    expect(outcome).toMatchObject({ status: 200, complete: false });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ['hang', { error: expect.any(Error), unanswered: true }],
    ['stall', { complete: false }],
  ] as const)(
    'a request to a server with the fault %s is sent once and ends in time',
    async (fault, expected) => {
      await using server = await answering({ status: 200, body: 'words', fault });
      await using sender = senderTo(server.url, { ...way, timeout: 100 });

      const outcome: ExporterOutcome = await sender.send(requestOf([event(1)], way));

      expect(outcome).toMatchObject(expected);
      expect(server.requests).toHaveLength(1);
    },
  );

  test('a refused connection is returned as an error, and the request does not count as unanswered', async () => {
    await using server = await answering({ status: 200 });
    await server.away();
    await using sender = senderTo(server.url, way);

    const outcome = await sender.send(requestOf([event(1)], way));

    expect(outcome).toMatchObject({ error: { code: 'ECONNREFUSED' }, unanswered: false });
  });
});

describe('the headers of a request', () => {
  afterEach(() => {
    delete process.env['OTEL_EXPORTER_OTLP_HEADERS'];
  });

  test('the configured headers are read again for every request', async () => {
    let token = 'first-token';
    await using server = await answering({ status: 200 });
    await using sender = senderTo(server.url, {
      headers: { authorization: new Secret(token).rereadBy(() => token) },
    });

    await sender.send(requestOf([event(1)]));
    token = 'second-token';
    await sender.send(requestOf([event(1)]));

    expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual([
      'first-token',
      'second-token',
    ]);
  });

  test('headers of the environment, which are for another backend, are not sent', async () => {
    await using server = await answering({ status: 200 });
    process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-other-backend=key';
    await using sender = senderTo(server.url);

    await sender.send(requestOf([event(1)]));

    expect(server.requests.map(({ headers }) => headers['x-other-backend'])).toEqual([undefined]);
  });

  test.each(['http/protobuf', 'http/json'] as const)(
    'a configured header does not replace what describes the body: %s',
    async (protocol) => {
      await using server = await answering({ status: 200 });
      const headers = {
        'content-type': new Secret('text/plain'),
        'content-length': new Secret('1'),
        'content-encoding': new Secret('br'),
      };
      await using sender = senderTo(server.url, { protocol, headers });

      await sender.send(requestOf([event(1)]));

      expect(server.requests[0]?.headers).toMatchObject({
        'content-type': protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
        'content-encoding': 'gzip',
        'content-length': String(server.requests[0]?.body.length),
      });
    },
  );

  test('headers that HTTP does not allow fail without a request', async () => {
    await using server = await answering({ status: 200 });
    await using sender = senderTo(server.url, { headers: { authorization: new Secret('line\nbreak') } });

    const outcome = await sender.send(requestOf([event(1)]));

    expect(outcome).toHaveProperty('error.code', 'ERR_INVALID_CHAR');
    expect(server.requests).toHaveLength(0);
  });
});

test('a response that arrives byte by byte ends at the time-out', async () => {
  const server = createServer((_request, response) => {
    const dribble = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(dribble));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await using sender = senderTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    timeout: 200,
  });

  const outcome = await sender.send(requestOf([event(1)]));
  server.closeAllConnections();
  server.close();

  expect(outcome).toMatchObject({ status: 200, complete: false });
});

test('a request in flight ends when the sender is closed', async () => {
  await using server = await answering({ status: 200, fault: 'hang' });
  const sender = senderTo(server.url);

  const outcome = sender.send(requestOf([event(1)]));
  await server.asked(1);
  await sender[Symbol.asyncDispose]();

  expect(await outcome).toHaveProperty('error');
});

test('a request in flight gets a few more seconds when the process is to end', async () => {
  await using server = await answering({ status: 200, fault: 'hang' });
  const clock = new DrivenClock();
  await using sender = senderTo(server.url, { timeout: 60_000 }, {}, clock);
  const ending = new AbortController();

  const outcome = sender.send(requestOf([event(1)]), ending.signal);
  await server.asked(1);
  ending.abort();
  await clock.advance(2_000);

  expect(await outcome).toHaveProperty('error.code', 'ERR_TIMED_OUT');
  // It was not given its time.
  expect(await outcome).not.toHaveProperty('unanswered', true);
});

test('a proxy given as host:port is used, whatever the environment of this process holds', async () => {
  await using proxy = await answering({ status: 200 });
  vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
  onTestFinished(() => void vi.unstubAllEnvs());
  await using proxied = senderTo(
    'http://siem.test:4318',
    {},
    { HTTP_PROXY: proxy.url.slice('http://'.length) },
  );
  await using direct = senderTo(
    proxy.url,
    {},
    {
      HTTP_PROXY: '127.0.0.1:1',
      NO_PROXY: 'siem.test 127.0.0.0-127.0.0.9',
    },
  );

  expect(await proxied.send(requestOf([]))).toMatchObject({ status: 200 });
  expect(await direct.send(requestOf([]))).toMatchObject({ status: 200 });
});

test('a proxy of the environment is used, except for hosts in NO_PROXY', async () => {
  await using proxy = await answering({ status: 200 });
  await using proxied = senderTo('http://siem.test:4318', {}, { HTTP_PROXY: proxy.url });
  await using direct = senderTo(proxy.url, {}, { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.1' });

  const first = await proxied.send(requestOf([event(1)]));
  const second = await direct.send(requestOf([event(1)]));

  expect(first).toMatchObject({ status: 200 });
  expect(second).toMatchObject({ status: 200 });
  expect(proxy.requests[0]?.headers['host']).toBe('siem.test:4318');
});

test('a failed request does not affect the next one', async () => {
  await using server = await answering({ status: 200 });
  server.script.push({ status: 503 }, { status: 200, fault: 'reset' }, { status: 413, body: 'too large' });
  await using sender = senderTo(server.url);

  const outcomes = [];
  for (let round = 0; round < 4; round += 1) {
    const outcome = await sender.send(requestOf([event(round)]));
    outcomes.push('error' in outcome ? 'error' : outcome.status);
  }

  expect(outcomes).toEqual([503, 'error', 413, 200]);
  expect(server.requests).toHaveLength(4);
});

/** A port that accepts connections and answers the first bytes of each with these, or (undefined) resets it. */
async function port(answer: Buffer | string | undefined) {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => (answer === undefined ? socket.resetAndDestroy() : socket.write(answer)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}

describe('bytes that are not HTTP/1.1', () => {
  test.each([
    ['SETTINGS', Buffer.from('000006040000000000000500004000', 'hex')],
    ['GOAWAY', Buffer.from('0000080700000000000000000000000001', 'hex')],
  ])('a port that answers with %s of HTTP/2 is a gRPC port', async (_what, bytes) => {
    using server = await port(bytes);
    await using sender = senderTo(server.url);

    const outcome = await sender.send(requestOf([event(1)]));

    expect(outcome).toMatchObject({ grpc: 'certain', error: { code: expect.stringMatching(/^HPE_/) } });
  });

  test('a port that answers with other bytes is not a gRPC port, and the request counts as unanswered', async () => {
    using server = await port('SSH-2.0-OpenSSH_9.6\r\n');
    await using sender = senderTo(server.url);

    const outcome = await sender.send(requestOf([event(1)]));

    expect(outcome).toMatchObject({ unanswered: true, error: { code: expect.stringMatching(/^HPE_/) } });
    expect(outcome).toHaveProperty('grpc', undefined);
  });
});

describe('a response with a content coding', () => {
  const text = '{"partialSuccess":{"rejectedLogRecords":"3"}}';

  test.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
    ['identity', Buffer.from(text)],
  ])('a body coded as %s is decoded', async (coding, body) => {
    await using server = await answering({ status: 200, headers: { 'content-encoding': coding }, body });
    await using sender = senderTo(server.url);

    const outcome = await sender.send(requestOf([event(1)]));

    expect('body' in outcome && outcome.body.toString()).toBe(text);
    expect(outcome).not.toHaveProperty('undecoded');
    expect(server.requests[0]?.headers['accept-encoding']).toBe('gzip, deflate, br');
  });

  test.each([
    ['larger than 4 MiB', {}, Buffer.alloc(5_000_000, 0x20)],
    ['larger than 4 MiB when decoded', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(5_000_000))],
  ])('a success with a body %s is complete and marked as undecoded', async (_what, headers, body) => {
    await using server = await answering({ status: 200, headers, body });
    await using sender = senderTo(server.url);

    const outcome = await sender.send(requestOf([event(1)]));

    expect(outcome).toMatchObject({ status: 200, complete: true, undecoded: 'it is larger than 4 MiB' });
  });

  test.each([
    ['zstd', 'zstd'],
    ['gzip', 'gzip'],
  ])('a body that does not decode as %s is marked as undecoded', async (coding, named) => {
    const headers = { 'content-encoding': coding };
    await using server = await answering({ status: 200, headers, body: 'no such thing' });
    await using sender = senderTo(server.url);

    const outcome = await sender.send(requestOf([event(1)]));

    expect(outcome).toMatchObject({ status: 200, undecoded: expect.stringContaining(named) });
  });
});
