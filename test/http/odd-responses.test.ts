import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { explain, TimedOutError, UnavailableError, UnexpectedAnswerError } from '../../src/core/errors.ts';
import { ABORT_GRACE } from '../../src/http/exchange.ts';
import { http as response, type RawResponse, serveRaw } from '../support/raw-server.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { drive, failure, rig, until } from './support/rig.ts';

const request = { path: '/x', route: 'x' };
const JSON_TYPE = ['Content-Type: application/json'];
const GOOD = response('200 OK', JSON_TYPE, '[1]');

/** What one request without a further try is answered with. */
async function answerTo(...responses: readonly RawResponse[]) {
  await using server = await serveRaw(...responses);
  await using http = (await rig(server.url, { options: { retries: 0 } })).http;
  return await http.get(request);
}

/** The words of the error of one request. */
async function errorOf(...responses: readonly RawResponse[]): Promise<string> {
  const error = await failure(answerTo(...responses));
  expect(error).toBeInstanceOf(UnavailableError);
  return explain(error);
}

describe('unusable statuses', () => {
  test.each([
    ['101 Switching Protocols', ['Connection: Upgrade', 'Upgrade: websocket'], ''],
    ['101 Switching Protocols', [], 'ok'],
    ['100 Continue', [], ''],
    ['199 Odd', [], ''],
    ['304 Not Modified', [], ''],
    ['099 Odd', [], '{}'],
    ['600 Odd', [], '{}'],
    ['999 Odd', [], '{}'],
  ])('an unusable status is retried like a 502: %s, %j', async (status, headers, body) => {
    const odd = { ...response(status, headers, body), closes: status.startsWith('199') };
    await using server = await serveRaw(odd, odd, GOOD);
    const { http, clock } = await rig(server.url);

    const answer = await drive(clock, http.get(request));

    expect(answer.json()).toEqual([1]);
    expect(server.requests).toHaveLength(3);
    await http[Symbol.asyncDispose]();
  });

  test.each(['101 Switching Protocols', '100 Continue', '304 Not Modified'])(
    'an unusable status is explained: %s',
    async (status) => {
      const upgrade = ['Connection: Upgrade', 'Upgrade: websocket'];

      expect(await errorOf(response(status, upgrade))).toMatch(/does not answer the request/);
    },
  );

  test('an informational response may precede the final one', async () => {
    const hint = response('103 Early Hints', ['Link: </style.css>']).bytes;

    const answer = await answerTo({ bytes: Buffer.concat([Buffer.from(hint), Buffer.from(GOOD.bytes)]) });

    expect(answer.json()).toEqual([1]);
  });
});

describe('no content', () => {
  test.each([
    response('204 No Content'),
    response('204 No Content', ['Content-Encoding: gzip']),
    response('204 No Content', ['Content-Encoding: snappy', 'Content-Type: text/html']),
    response('204 No Content', ['Content-Length: 0']),
    response('205 Reset Content', ['Content-Length: 0']),
  ])('no content is null as JSON (%#)', async (empty) => {
    expect((await answerTo(empty)).json()).toBeNull();
  });

  test('an empty 200 is not no content and is retried', async () => {
    await using server = await serveRaw(response('200 OK', [...JSON_TYPE, 'Content-Length: 0']), GOOD);
    const { http, clock } = await rig(server.url);

    expect((await drive(clock, http.get(request))).json()).toEqual([1]);
    await http[Symbol.asyncDispose]();
  });
});

describe('JSON', () => {
  test.each(['{"a": [1]}', '\r\n [1]', 'null', '12', '"text"'])(
    'labelled as HTML is JSON: %s',
    async (body) => {
      const answer = await answerTo(response('200 OK', ['Content-Type: text/html; charset=utf-8'], body));

      expect(answer.json()).toEqual(JSON.parse(body));
    },
  );

  test.each(['[{"id": 1}, {"i', '{"token":"hidden"', 'Bad gateway', '[1]]'])(
    'invalid JSON is retried within the poll and reported without its text: %s',
    async (body) => {
      await using server = await serveRaw(response('200 OK', JSON_TYPE, body), GOOD);
      await using broken = await serveRaw(response('200 OK', JSON_TYPE, body));
      const mended = await rig(server.url);
      const lasting = await rig(broken.url, { options: { retries: 2 } });

      const answer = await drive(mended.clock, mended.http.get(request));
      const error = await failure(drive(lasting.clock, lasting.http.get(request)));

      expect(answer.json()).toEqual([1]);
      expect(error).toBeInstanceOf(UnexpectedAnswerError);
      expect(explain(error)).toMatch(/^(?!.*hidden).*not valid JSON/);
      expect(broken.requests).toHaveLength(3);
      await Promise.all([mended.http[Symbol.asyncDispose](), lasting.http[Symbol.asyncDispose]()]);
    },
  );

  test.each(['<html>', '  <!DOCTYPE html>', '\uFEFF<?xml version="1.0"?>', '<h1>Log in</h1>'])(
    'is not what a page is, whatever its label: %s',
    async (body) => {
      expect(await errorOf(response('200 OK', JSON_TYPE, body))).toContain('HTML page');
    },
  );
});

describe('decoding of a body', () => {
  const text = '{"name": "Grüße"}';
  test.each([
    ['Identity', text],
    ['BR', brotliCompressSync(text)],
    ['gzip, gzip', gzipSync(gzipSync(text))],
    ['deflate', deflateRawSync(text)],
    ['none', text],
    ['UTF-8', text],
    ['', text],
    ['gzip', Buffer.concat([gzipSync(text), Buffer.from('\r\nbehind the end')])],
  ])('a body is decoded by its content-encoding: %j', async (coding, body) => {
    const answer = await answerTo(response('200 OK', [...JSON_TYPE, `Content-Encoding: ${coding}`], body));

    expect(answer.json()).toEqual({ name: 'Grüße' });
  });

  test.each(['Snappy', 'zstd'])('an unknown content-encoding is named: %s', async (coding) => {
    const words = await errorOf(response('200 OK', [`Content-Encoding: ${coding}`], text));

    expect(words).toContain(`"${coding.toLowerCase()}" is not supported`);
    expect(words).not.toContain('proxy');
  });

  test('a body that does not match its content-encoding is an error that names it', async () => {
    expect(await errorOf(response('200 OK', ['Content-Encoding: gzip'], text))).toContain('(gzip)');
  });

  test('the status of a failure counts, whatever its content-encoding', async () => {
    expect(await errorOf(response('503 Busy', ['Content-Encoding: snappy'], text))).toContain('answered 503');
  });

  test.each([
    ['application/json; charset=iso-8859-1', Buffer.from(text, 'latin1')],
    ['application/json; charset=utf-16', Buffer.from(text, 'utf16le')],
    ['application/json', Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ])('a body is decoded by its charset: %s', async (type, body) => {
    const answer = await answerTo(response('200 OK', [`Content-Type: ${type}`], body));

    expect(answer.json()).toEqual({ name: 'Grüße' });
  });
});

test('invalid characters become U+FFFD, are counted for each response and logged once', async () => {
  await using server = await serveRaw(response('200 OK', JSON_TYPE, Buffer.from('["Grüße"]', 'latin1')));
  const { http, lines, reports } = await rig(server.url);

  const answer = await http.get(request);
  await http.get(request);

  expect(answer.json()).toEqual(['Gr\uFFFD\uFFFDe']);
  expect(reports.map(({ replaced }) => replaced)).toEqual([2, 2]);
  expect(lines.filter(({ msg }) => String(msg).includes('U+FFFD'))).toHaveLength(1);
  await http[Symbol.asyncDispose]();
});

describe('response headers', () => {
  test('response headers may take almost 64 KiB', async () => {
    const answer = await answerTo(response('200 OK', [`X-Long: ${'a'.repeat(60_000)}`], '[1]'));

    expect(answer.json()).toEqual([1]);
  });

  test.each([
    ['one', [`X-Long: ${'a'.repeat(70_000)}`]],
    ['many', Array.from({ length: 1_000 }, (_, number) => `X-${number}: ${'a'.repeat(70)}`)],
  ])('larger response headers are an error that says so: %s', async (_how, headers) => {
    expect(await errorOf(response('200 OK', headers, '[1]'))).toContain('headers are larger than 64 KiB');
  });
});

describe('responses that the HTTP library rejects', () => {
  test.each([
    ['two lengths', response('200 OK', ['Content-Length: 2'], '[1]'), /contradictory lengths/],
    [
      'a folded header',
      response('200 OK', ['X-A: b', ' c'], '[1]'),
      /not valid HTTP \(Unexpected whitespace/,
    ],
    ['a blank in a name', response('200 OK', ['X A: b'], '[1]'), /not valid HTTP \(Invalid header token/],
    ['no HTTP', { bytes: 'SSH-2.0-OpenSSH_9.2\r\n' }, /not valid HTTP/],
    ['a bad chunk', response('200 OK', ['Transfer-Encoding: chunked', '', 'zz', '']), /not valid HTTP/],
  ])('%s', async (_what, odd, words) => {
    expect(await errorOf(odd)).toMatch(words);
    expect(await errorOf(odd)).not.toMatch(/HPE_|UND_ERR|ERR_/);
  });
});

test('a request that cannot be cancelled within five seconds of its time-out is abandoned, logged and retried', async () => {
  await using directory = await temporaryDirectory();
  await using server = await serveRaw(GOOD);
  const fifo = join(directory.path, 'ca.pem');
  execFileSync('mkfifo', [fifo]);
  const options = { timeout: 10_000, retries: 1, tls: { ca_file: fifo } };
  const { http, clock, lines, reports } = await rig(server.url, { options });

  // Opening the FIFO waits for somebody who writes, and no signal ends that.
  const lost = failure(http.get(request));
  for (let tries = 1; tries <= 2; tries += 1) {
    await until(() => clock.next === clock.now() + 10_000);
    await clock.advance(10_000);
    await clock.advance(ABORT_GRACE - 1);
    expect(reports).toHaveLength(tries - 1);
    await clock.advance(1);
    await until(() => reports.length === tries);
    if (tries === 1) await clock.advance(1_000);
  }
  const error = await lost;

  expect(error).toBeInstanceOf(TimedOutError);
  expect(error.message).toContain('could not be cancelled');
  expect(reports).toMatchObject([{ status: 'timed-out' }, { status: 'timed-out', retry: true }]);
  expect(lines.filter(({ msg }) => String(msg).includes('could not be cancelled'))).toHaveLength(2);
  await http[Symbol.asyncDispose]();
  const writer = await open(fifo, constants.O_RDWR);
  await writer.close();
});
