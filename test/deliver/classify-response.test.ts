import { describe, expect, test } from 'vitest';
import { classifyResponse } from '../../src/deliver/classify-response.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');

interface Received {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  readonly complete?: boolean;
}

function classified(status: number, { headers = {}, body = '', complete = true }: Received = {}) {
  return classifyResponse({ status, headers, body: Buffer.from(body), complete }, NOW);
}

/** A protobuf `partial_success` of less than 128 bytes. */
function protobuf(rejected: number, words: string): Buffer {
  const partial = Buffer.concat([Buffer.from([8, rejected, 18, words.length]), Buffer.from(words)]);
  return Buffer.concat([Buffer.from([10, partial.length]), partial]);
}

const PARTIAL = '{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}';

describe('a success', () => {
  test.each([
    ['an empty body', 200, ''],
    ['204', 204, ''],
    ['an object that is not of OTLP', 200, '{"status":"ok"}'],
    ['an empty object', 200, '{}'],
    ['the Collector’s JSON', 200, '{"partialSuccess":{}}'],
    ['the Collector’s protobuf', 200, Buffer.from([10, 0])],
    ['Quickwit’s', 200, '{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":""}}'],
    ['null', 200, 'null'],
  ])('is %s', (_what, status, body) => {
    expect(classified(status, { body })).toMatchObject({
      kind: 'accepted',
      rejected: 0,
      duplicatesOnly: false,
      unread: undefined,
    });
  });

  test.each([
    ['bytes', Buffer.from([255, 255, 255])],
    ['words', 'accepted'],
    ['words that a parser of protobuf takes', 'j\u0002ok'],
    ['half of JSON', '{"partialSuccess":{"rejectedLogRecords":"3"'],
    ['half of protobuf', Buffer.from([10, 40, 8, 3])],
    ['a list', '[]'],
    ['a partial success that is none', '{"partialSuccess":"3 rejected"}'],
    ['a number that is none', '{"partialSuccess":{"rejectedLogRecords":"many"}}'],
  ])('that cannot be read is a success all the same, and says so: %s', (_what, body) => {
    expect(classified(200, { body })).toMatchObject({
      kind: 'accepted',
      rejected: 0,
      unread: expect.stringMatching(/OTLP/),
    });
  });

  test.each([
    ['after a byte order mark', Buffer.from(`\uFEFF${PARTIAL}`)],
    ['in UTF-16, little end first', Buffer.from(`\uFEFF${PARTIAL}`, 'utf16le')],
    ['in UTF-16, big end first', Buffer.from(`\uFEFF${PARTIAL}`, 'utf16le').swap16()],
    ['in UTF-16 without a byte order mark', Buffer.from(PARTIAL, 'utf16le')],
  ])('that is partial is read %s', (_what, body) => {
    const headers = { 'content-type': 'application/json' };

    expect(classified(200, { headers, body })).toMatchObject({
      rejected: 3,
      words: 'too old',
      unread: undefined,
    });
  });

  test.each([
    [
      'JSON, the number as a string',
      '{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"too old"}}',
    ],
    ['JSON, the number as a number', '{"partialSuccess":{"rejectedLogRecords":3,"errorMessage":"too old"}}'],
    [
      'JSON in the proto’s own names',
      '{"partial_success":{"rejected_log_records":3,"error_message":"too old"}}',
    ],
    ['protobuf', protobuf(3, 'too old')],
    ['protobuf that begins like a line of JSON', protobuf(3, `too old ${'-'.repeat(111)}`)],
  ])('that is partial is read from %s', (_what, body) => {
    const headers = { 'content-type': 'application/json' };

    expect(classified(200, { headers, body })).toMatchObject({
      kind: 'accepted',
      rejected: 3,
      words: expect.stringMatching(/^too old/),
      duplicatesOnly: false,
    });
  });

  test.each([
    ['204', 204, ''],
    ['202', 202, ''],
    ['an empty object', 200, '{}'],
    ['a blank line', 200, '\r\n'],
  ])('is %s that is labelled as a page', (_what, status, body) => {
    const headers = { 'content-type': 'text/html; charset=utf-8' };

    expect(classified(status, { headers, body })).toMatchObject({ kind: 'accepted', rejected: 0 });
  });

  test('that is partial is read under the label of a page', () => {
    const headers = { 'content-type': 'text/html' };
    const body = '{"partialSuccess":{"rejectedLogRecords":"2"}}';

    expect(classified(200, { headers, body })).toMatchObject({ kind: 'accepted', rejected: 2 });
  });

  test('with words and nothing rejected is a warning', () => {
    const body = '{"partialSuccess":{"errorMessage":"slow down"}}';

    expect(classified(200, { body })).toMatchObject({ kind: 'accepted', rejected: 0, words: 'slow down' });
  });

  test.each([
    [true, 'Index [logs-a] returned status [409] for 3 documents. Sample error message: version conflict'],
    [true, '[1]: version_conflict_engine_exception: document already exists'],
    [true, '3 duplicates'],
    [
      true,
      'Index [a] returned status [CONFLICT] for 2 documents. Sample error message: [x]: version conflict, document already exists (current version [1])\nIndex [b] returned status [CONFLICT] for 1 documents. Sample error message: [y]: version conflict',
    ],
    [
      false,
      'Index [a] returned status [CONFLICT] for 2 documents. Sample error message: [x]: version conflict',
    ],
    [
      false,
      'Index [a] returned status [400] for 409 documents. Sample error message: mapper_parsing_exception',
    ],
    [false, 'version conflict; mapper_parsing_exception'],
    [false, ''],
  ])('names duplicates only: %s, %s', (duplicatesOnly, errorMessage) => {
    const body = JSON.stringify({ partialSuccess: { rejectedLogRecords: '3', errorMessage } });

    expect(classified(200, { body })).toMatchObject({ kind: 'accepted', duplicatesOnly });
  });

  test.each([
    [1, 'Index [a] returned status [409] for 2 documents; Index [b] returned status [400] for 1 documents'],
    [
      1,
      `Index [a] returned status [CONFLICT] for 2 documents. Sample error message: ${'x'.repeat(600)}\nIndex [b] returned status [BAD_REQUEST] for 1 documents. Sample error message: failed to parse`,
    ],
    [3, 'Redirected 3 documents to the failure store.\n'],
    [
      1,
      'Redirected 1 documents to the failure store.\nIndex [a] returned status [CONFLICT] for 2 documents. Sample error message: version conflict',
    ],
  ])('counts %i as refused, the others being there already: %s', (rejected, errorMessage) => {
    const body = JSON.stringify({ partialSuccess: { rejectedLogRecords: '3', errorMessage } });

    expect(classified(200, { body })).toMatchObject({ kind: 'accepted', rejected, duplicatesOnly: false });
  });

  test('that was cut off is asked for again', () => {
    expect(classified(200, { complete: false })).toMatchObject({ kind: 'retry' });
  });
});

const JSON_LABEL = { 'content-type': 'application/json' };

describe('a pause', () => {
  test.each([
    ['a page', 200, { body: '\n<!DOCTYPE html><html>' }, /web page/],
    ['a page in UTF-16', 200, { body: Buffer.from('\uFEFF<html>', 'utf16le') }, /web page/],
    ['a page under another label', 202, { body: '\uFEFF <form>', headers: JSON_LABEL }, /web page/],
    ['an answer of gRPC', 200, { headers: { 'content-type': 'application/grpc' } }, /4318/],
    [
      'a redirect',
      302,
      { headers: { location: 'https://sso.example.com/?token=secret' } },
      /sso\.example\.com/,
    ],
    ['a redirect without a place', 307, {}, /Redirects/],
    ['401', 401, {}, /credential/],
    ['403', 403, {}, /credential/],
    ['404', 404, {}, /endpoint/],
    ['405', 405, {}, /endpoint/],
    ['415', 415, {}, /protocol/],
    ['another 4xx', 411, {}, /documentation/],
  ])('is %s', (_what, status, received, advice) => {
    const response = classified(status, received);

    expect(response).toMatchObject({ kind: 'paused', status, advice: expect.stringMatching(advice) });
    expect(JSON.stringify(response)).not.toContain('secret');
  });

  test('is a request that cannot be made', () => {
    const error = Object.assign(new Error('Invalid character in header'), { code: 'ERR_INVALID_CHAR' });

    expect(classifyResponse({ error }, NOW)).toMatchObject({ kind: 'paused', status: undefined });
  });
});

describe('a wait', () => {
  test.each([408, 429, 500, 501, 502, 503, 504, 507, 599])('is %i', (status) => {
    expect(classified(status)).toMatchObject({ kind: 'retry', status, retryAfterMs: undefined });
  });

  test('is an HTML page of a gateway', () => {
    expect(classified(503, { body: '<html>busy</html>' })).toMatchObject({ kind: 'retry' });
  });

  test.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ENOENT', 'CERT_HAS_EXPIRED', 'ERR_TIMED_OUT'])(
    'is %s',
    (code) => {
      const error = Object.assign(new Error('no way'), { code });

      expect(classifyResponse({ error }, NOW)).toMatchObject({
        kind: 'retry',
        status: undefined,
        words: 'no way',
      });
    },
  );

  test.each([
    ['30', 30_000],
    ['1.5', 1_500],
    ['999999', 3_600_000],
    ['31536000', 3_600_000],
    ['2027', 2_027_000],
    ['Mon, 02 Mar 2026 12:02:00 GMT', 120_000],
    [String(NOW / 1000 + 90), 90_000],
    [String(NOW + 90_000), 90_000],
    [String(NOW + 864_000_000), 3_600_000],
    ['0', 1_000],
    ['Mon, 02 Mar 2026 11:00:00 GMT', 1_000],
    [String(NOW / 1000 - 90), 1_000],
    ['-5', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('of Retry-After %j is %s ms', (retryAfter, retryAfterMs) => {
    expect(classified(503, { headers: { 'retry-after': retryAfter } })).toMatchObject({ retryAfterMs });
  });

  test('is no answer to a request that was sent whole, which is suspicious', () => {
    const error = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

    expect(classifyResponse({ error, unanswered: true }, NOW)).toMatchObject({ suspicion: 'unanswered' });
    expect(classifyResponse({ error, unanswered: false }, NOW)).toMatchObject({ suspicion: undefined });
    expect(classifyResponse({ error }, NOW)).toMatchObject({ suspicion: undefined });
  });

  test('from the port of gRPC says so', () => {
    const error = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

    expect(classifyResponse({ error, unanswered: true, grpc: 'likely' }, NOW)).toMatchObject({
      kind: 'retry',
      words: expect.stringMatching(/^socket hang up\. .*gRPC port.*4318/),
    });
    expect(classifyResponse({ error, grpc: 'certain' }, NOW)).toMatchObject({
      kind: 'paused',
      words: expect.stringMatching(/gRPC port.*4318/),
    });
  });

  test('until a date counts from the server’s own', () => {
    const headers = { 'retry-after': 'Mon, 02 Mar 2026 15:01:00 GMT', date: 'Mon, 02 Mar 2026 15:00:00 GMT' };

    expect(classified(429, { headers })).toMatchObject({ retryAfterMs: 60_000 });
  });

  test('until a time since the epoch counts from the server’s own', () => {
    const headers = {
      'retry-after': String(Date.parse('2026-03-02T15:01:00Z') / 1000),
      date: 'Mon, 02 Mar 2026 15:00:00 GMT',
    };

    expect(classified(429, { headers })).toMatchObject({ retryAfterMs: 60_000 });
  });

  test.each([
    [429, {}, 'too-much'],
    [429, { 'retry-after': '5' }, undefined],
    [429, { 'retry-after': '0' }, 'too-much'],
    [429, { 'retry-after': '-5' }, 'too-much'],
    [500, {}, 'failing'],
    [501, {}, 'failing'],
    [503, {}, undefined],
    [507, {}, undefined],
  ])('of %i %o suspects %s', (status, headers, suspicion) => {
    expect(classified(status, { headers })).toMatchObject({ suspicion });
  });
});

describe('a bisection', () => {
  test.each([400, 413, 422])('is %i', (status) => {
    expect(classified(status, { body: 'no' })).toMatchObject({ kind: 'rejected', status, words: 'no' });
  });

  test.each([
    [true, 413, ''],
    [true, 400, "entry for stream '{}' has timestamp too old: 2026-02-01T00:00:00Z"],
    [true, 400, 'entry too far behind, oldest acceptable timestamp is: 2026-03-02T11:00:00Z'],
    [true, 400, "Max entry size '262144' bytes exceeded for stream '{}'"],
    [true, 400, 'http: request body too large'],
    [true, 400, 'stream has too many structured metadata labels: 130, limit: 128'],
    [false, 400, 'ingestion rate limit exceeded'],
    [false, 400, 'json encoding isn’t supported for opentelemetry format'],
    [false, 422, 'at least one valid stream is required'],
  ])('is about the record itself: %s, %i %s', (aboutItself, status, body) => {
    expect(classified(status, { body })).toMatchObject({ kind: 'rejected', aboutItself });
  });
});

test.each([
  ['a protobuf Status', Buffer.from('\u0012\u0010timestamp is old'), 'timestamp is old'],
  [
    'a longer protobuf Status',
    Buffer.from(`\u0008\u0003\u0012A${'timestamp too old'.padEnd(65, '!')}`),
    'timestamp too old'.padEnd(65, '!'),
  ],
  ['a JSON message', '{"code":3,"message":"bad field"}', 'bad field'],
  ['a JSON error', '{"error":"bad field"}', 'bad field'],
  ['JSON without words', '{"error":{"type":"x"}}', '{"error":{"type":"x"}}'],
  ['text', '404 page\n not found\n', '404 page  not found'],
  ['too much', 'x'.repeat(9_000), 'x'.repeat(500)],
])('the words of %s', (_what, body, words) => {
  expect(classified(400, { body }).words).toBe(words);
});
