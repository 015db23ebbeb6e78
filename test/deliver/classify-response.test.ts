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
    ['nothing', 200, ''],
    ['nothing, with 204', 204, ''],
    ['an object that is not of OTLP', 200, '{"status":"ok"}'],
    ['an empty object', 200, '{}'],
    ['the Collector’s JSON', 200, '{"partialSuccess":{}}'],
    ['the Collector’s protobuf', 200, Buffer.from([10, 0])],
    ['Quickwit’s', 200, '{"partialSuccess":{"rejectedLogRecords":"0","errorMessage":""}}'],
    ['null', 200, 'null'],
  ])('a success may have as its body %s', (_what, status, body) => {
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
  ])('a success with a body that cannot be read is accepted and marked: %s', (_what, body) => {
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
  ])('a partial success is read %s', (_what, body) => {
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
  ])('a partial success is read from %s', (_what, body) => {
    const headers = { 'content-type': 'application/json' };

    expect(classified(200, { headers, body })).toMatchObject({
      kind: 'accepted',
      rejected: 3,
      words: expect.stringMatching(/^too old/),
      duplicatesOnly: false,
    });
  });

  test.each([
    ['nothing, with 204', 204, ''],
    ['202', 202, ''],
    ['an empty object', 200, '{}'],
    ['a blank line', 200, '\r\n'],
  ])('a success labelled as a page is accepted: %s', (_what, status, body) => {
    const headers = { 'content-type': 'text/html; charset=utf-8' };

    expect(classified(status, { headers, body })).toMatchObject({ kind: 'accepted', rejected: 0 });
  });

  test('a partial success labelled as a page is read', () => {
    const headers = { 'content-type': 'text/html' };
    const body = '{"partialSuccess":{"rejectedLogRecords":"2"}}';

    expect(classified(200, { headers, body })).toMatchObject({ kind: 'accepted', rejected: 2 });
  });

  test('a partial success with words and no rejected record is accepted', () => {
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
  ])('whether a partial success names only duplicates is %s for: %s', (duplicatesOnly, errorMessage) => {
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
  ])('%i of the records count as rejected, the others as duplicates: %s', (rejected, errorMessage) => {
    const body = JSON.stringify({ partialSuccess: { rejectedLogRecords: '3', errorMessage } });

    expect(classified(200, { body })).toMatchObject({ kind: 'accepted', rejected, duplicatesOnly: false });
  });

  test('a success that was cut off is sent again', () => {
    expect(classified(200, { complete: false })).toMatchObject({ kind: 'retry' });
  });
});

const JSON_LABEL = { 'content-type': 'application/json' };

describe('a response that pauses', () => {
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
  ])('the destination pauses at %s', (_what, status, received, advice) => {
    const response = classified(status, received);

    expect(response).toMatchObject({ kind: 'paused', status, advice: expect.stringMatching(advice) });
    expect(JSON.stringify(response)).not.toContain('secret');
  });

  test('the destination pauses when a request cannot be made', () => {
    const error = Object.assign(new Error('Invalid character in header'), { code: 'ERR_INVALID_CHAR' });

    expect(classifyResponse({ error }, NOW)).toMatchObject({ kind: 'paused', status: undefined });
  });
});

describe('a response that is retried', () => {
  test.each([408, 429, 500, 501, 502, 503, 504, 507, 599])('%i is retried', (status) => {
    expect(classified(status)).toMatchObject({ kind: 'retry', status, retryAfterMs: undefined });
  });

  test('a gateway’s HTML page with a 5xx is retried', () => {
    expect(classified(503, { body: '<html>busy</html>' })).toMatchObject({ kind: 'retry' });
  });

  test.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ENOENT', 'CERT_HAS_EXPIRED', 'ERR_TIMED_OUT'])(
    'a request that fails with %s is retried',
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
  ])('Retry-After %j is a wait of %s ms', (retryAfter, retryAfterMs) => {
    expect(classified(503, { headers: { 'retry-after': retryAfter } })).toMatchObject({ retryAfterMs });
  });

  test('a request that was sent whole and got no response is suspected', () => {
    const error = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

    expect(classifyResponse({ error, unanswered: true }, NOW)).toMatchObject({ suspicion: 'unanswered' });
    expect(classifyResponse({ error, unanswered: false }, NOW)).toMatchObject({ suspicion: undefined });
    expect(classifyResponse({ error }, NOW)).toMatchObject({ suspicion: undefined });
  });

  test('a failure at the port of gRPC says so', () => {
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

  test('a date in Retry-After counts from the server’s own Date', () => {
    const headers = { 'retry-after': 'Mon, 02 Mar 2026 15:01:00 GMT', date: 'Mon, 02 Mar 2026 15:00:00 GMT' };

    expect(classified(429, { headers })).toMatchObject({ retryAfterMs: 60_000 });
  });

  test('a time since the epoch in Retry-After counts from the server’s own Date', () => {
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
  ])('%i with headers %o has the suspicion %s', (status, headers, suspicion) => {
    expect(classified(status, { headers })).toMatchObject({ suspicion });
  });
});

describe('a response that rejects', () => {
  test.each([400, 413, 422])('%i rejects the request', (status) => {
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
  ])('whether a rejection is about the record itself is %s for: %i %s', (aboutItself, status, body) => {
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
])('the words are those of %s', (_what, body, words) => {
  expect(classified(400, { body }).words).toBe(words);
});
