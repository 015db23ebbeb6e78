import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import { classifyResponse } from '../../src/deliver/classify-response.ts';
import { Sender } from '../../src/otlp/sender.ts';
import { ABORT_GRACE } from '../../src/http/exchange.ts';
import { readableLog, until } from '../http/support/rig.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { http, type RawResponse, serveRaw } from '../support/raw-server.ts';
import { destination, event } from './support/events.ts';
import { requestOf } from './support/requests.ts';

const UPGRADE = ['Connection: Upgrade', 'Upgrade: websocket'];
const ACCEPTED = http('200 OK', ['Content-Type: application/json'], '{}');

function senderTo(url: string, clock: Clock = systemClock) {
  const { log, lines } = readableLog();
  const config = destination(url, { timeout: 10_000 });
  return { sender: new Sender({ destination: config, clock, proxyEnv: {}, log }), lines };
}

/** What each of the responses means, one request after the other through one sender. */
async function responsesTo(...responses: readonly RawResponse[]) {
  await using server = await serveRaw(...responses);
  await using sender = senderTo(server.url).sender;
  const classified = [];
  for (const _response of responses)
    classified.push(classifyResponse(await sender.send(requestOf([event(1)])), 0));
  expect(server.requests).toHaveLength(responses.length);
  return classified;
}

describe('a status that is not an answer to a request', () => {
  test.each([
    ['101 Switching Protocols', UPGRADE, ''],
    ['101 Switching Protocols', [], 'ok'],
    ['304 Not Modified', [], ''],
    ['099 Odd', [], '{}'],
    ['600 Odd', [], '{}'],
  ])(
    'a status that is not an answer is retried like a 502, and the next response counts: %s, %j',
    async (status, headers, body) => {
      const [first, second] = await responsesTo(http(status, headers, body), ACCEPTED);

      expect(first).toMatchObject({
        kind: 'retry',
        status: Number(status.slice(0, 3)),
        words: expect.stringMatching(/./),
      });
      expect(second).toMatchObject({ kind: 'accepted', rejected: 0 });
    },
  );

  test.each(['100 Continue', '103 Early Hints'])(
    'an informational status may precede the response: %s',
    async (status) => {
      const bytes = Buffer.concat([http(status), ACCEPTED].map((part) => Buffer.from(part.bytes)));

      expect(await responsesTo({ bytes })).toMatchObject([{ kind: 'accepted' }]);
    },
  );

  test('bytes after a 204 do not change its meaning', async () => {
    const odd = http('204 No Content', [], '{}');

    expect(await responsesTo(odd, ACCEPTED)).toMatchObject([{ kind: 'accepted' }, { kind: 'accepted' }]);
  });
});

describe('response headers', () => {
  test('response headers may take almost 64 KiB', async () => {
    const long = http('200 OK', [`X-Long: ${'a'.repeat(60_000)}`], '{}');

    expect(await responsesTo(long)).toMatchObject([{ kind: 'accepted' }]);
  });

  test('response headers that take more than 64 KiB are an error that says so', async () => {
    const long = http('200 OK', [`X-Long: ${'a'.repeat(70_000)}`], '{}');

    expect(await responsesTo(long)).toMatchObject([
      { kind: 'retry', words: expect.stringContaining('headers are larger than 64 KiB') },
    ]);
  });
});

test.each([
  ['two lengths', http('200 OK', ['Content-Length: 3'], '{}'), 'not valid HTTP (Duplicate Content-Length)'],
  ['a folded header', http('200 OK', ['X-A: b', ' c'], '{}'), 'not valid HTTP (Unexpected whitespace'],
])('a response that the HTTP library rejects is explained in words: %s', async (_what, odd, words) => {
  const [response] = await responsesTo(odd);

  expect(response).toMatchObject({ kind: 'retry', words: expect.stringContaining(words) });
  expect(response?.words).not.toContain('HPE_');
});

describe('a request that the library never settles', () => {
  afterEach(() => unsubscribe('http.client.request.start', deafen));

  test('a request that never settles is given up five seconds after its time-out and logged, and the next one succeeds', async () => {
    subscribe('http.client.request.start', deafen);
    await using server = await serveRaw(http('101 Switching Protocols', UPGRADE), ACCEPTED);
    const clock = new DrivenClock();
    const { sender, lines } = senderTo(server.url, clock);
    let settled = false;

    const lost = sender.send(requestOf([event(1)])).finally(() => (settled = true));
    await until(() => server.requests.length === 1);
    await clock.advance(10_000);
    await clock.advance(ABORT_GRACE - 1);
    expect(settled).toBe(false);
    await clock.advance(1);

    expect(classifyResponse(await lost, 0)).toMatchObject({
      kind: 'retry',
      words: expect.stringContaining('given up'),
    });
    expect(lines).toMatchObject([{ level: 40, msg: expect.stringContaining('given up') }]);
    expect(classifyResponse(await sender.send(requestOf([event(1)])), 0)).toMatchObject({ kind: 'accepted' });
    expect(server.requests).toHaveLength(2);
    await sender[Symbol.asyncDispose]();
  });
});

/** Without a listener, Node closes the connection silently when a response switches protocols. */
function deafen(message: unknown): void {
  (message as { request: ClientRequest }).request.removeAllListeners('upgrade');
}
