import { gzipSync, brotliCompressSync, deflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { RefusedError, TooLargeError, UnavailableError } from '../../src/core/errors.ts';
import { serve, type SimulatedAnswer, type Simulator } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { drive, failure, rig, TOKEN } from './support/rig.ts';

const clock = new DrivenClock();
const HTML = { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Log in</h1>' };

async function vendor(...script: SimulatedAnswer[]): Promise<Simulator> {
  const simulator = await serve(() => ({ status: 200, body: { rows: [1, 2] } }), { clock });
  simulator.script.push(...script);
  return simulator;
}

describe('requests', () => {
  test('a request goes below the path of base_url, with its query encoded once', async () => {
    await using server = await vendor();
    const { http } = await rig(`${server.url}/console/`);

    await http.get({ path: '/api/x', query: { sort: '+at', filter: 'a b&c', none: undefined }, route: 'x' });

    expect(server.requests[0]?.path).toBe('/console/api/x');
    expect([...(server.requests[0]?.query ?? [])]).toEqual([
      ['sort', '+at'],
      ['filter', 'a b&c'],
    ]);
    await http[Symbol.asyncDispose]();
  });

  test('a request carries user agent, credential and its own headers, and the credential wins', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;

    await http.get({ path: '/x', route: 'x', headers: { Range: 'items=0-4', sec: 'other' } });

    expect(server.requests[0]?.headers).toMatchObject({
      'user-agent': 'penstock/test',
      accept: 'application/json',
      range: 'items=0-4',
      sec: TOKEN,
    });
  });

  test('a response has status, headers, the vendor’s date and exact JSON', async () => {
    await using server = await vendor({
      status: 206,
      headers: { 'content-range': 'items 0-1/2', date: 'Mon, 02 Mar 2026 11:59:30 GMT' },
      body: '{"id": 9007199254740993}',
    });
    await using http = (await rig(server.url)).http;

    const answer = await http.get({ path: '/x', route: 'x' });

    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe('items 0-1/2');
    expect(answer.date).toBe(Date.parse('2026-03-02T11:59:30Z'));
    expect(answer.json()).toEqual({ id: 9_007_199_254_740_993n });
  });

  test('the date of a response corrects the vendor’s clock', async () => {
    await using server = await vendor({
      status: 200,
      headers: { date: 'Mon, 02 Mar 2026 12:20:00 GMT' },
      body: [],
    });
    const { http, clock: ours } = await rig(server.url);
    expect(http.vendorNow()).toBe(ours.now());

    await http.get({ path: '/x', route: 'x' });
    ours.jump(1_000);

    expect(http.vendorNow()).toBe(Date.parse('2026-03-02T12:20:01Z'));
    await http[Symbol.asyncDispose]();
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('a response in %s is decoded', async (encoding, encode) => {
    await using server = await vendor({
      status: 200,
      headers: { 'content-encoding': encoding },
      body: encode('{"a":"ü"}'),
    });
    await using http = (await rig(server.url)).http;

    const answer = await http.get({ path: '/x', route: 'x' });

    expect(answer.json()).toEqual({ a: 'ü' });
  });

  test('a request may contain an id that is not well-formed UTF-16', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;

    await http.get({ path: '/x', query: { tenantId: 't\uD83D' }, route: 'x' });

    expect(server.requests[0]?.query.get('tenantId')).toBe('t\uFFFD');
  });

  test('the URL of a request keeps the query of its path and drops a fragment', async () => {
    await using server = await vendor();
    await using http = (await rig(`${server.url}/console`)).http;

    await http.get({
      path: '/api/x?page=a%2Fb+c&on#top',
      query: { sort: '+at', none: undefined },
      route: 'x',
    });
    await http.get({ path: '/api/x?', route: 'x' });
    await http.get({ path: '/api/x?q=/../y', route: 'x' });

    const [first, second, third] = server.requests;
    expect(first?.path).toBe('/console/api/x');
    expect(String(first?.query)).toBe('page=a%2Fb+c&on=&sort=%2Bat');
    expect(String(second?.query)).toBe('');
    expect(third).toMatchObject({ path: '/console/api/x' });
    expect(third?.query.get('q')).toBe('/../y');
  });

  test('a response may be empty', async () => {
    await using server = await vendor(
      { status: 204 },
      { status: 204, headers: { 'content-encoding': 'gzip' } },
    );
    await using http = (await rig(server.url)).http;

    expect((await http.get({ path: '/x', route: 'x' })).body).toHaveLength(0);
    expect((await http.get({ path: '/x', route: 'x' })).body).toHaveLength(0);
  });
});

describe('size limits', () => {
  test('a body at the limit passes; one byte more fails and closes the connection', async () => {
    await using server = await vendor(
      { status: 200, body: `"${'x'.repeat(998)}"` },
      { status: 200, body: `"${'x'.repeat(999)}"` },
    );
    await using http = (await rig(server.url, { options: { max_response_bytes: 1000 } })).http;

    const answer = await http.get({ path: '/x', route: 'x' });
    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(answer.body).toHaveLength(1000);
    expect(error).toBeInstanceOf(TooLargeError);
    expect(error.message).toContain('max_response_bytes');
    expect(server.requests).toHaveLength(2);
  });

  test('a compressed bomb is stopped at the limit on the decompressed size', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    await using server = await vendor({ status: 200, headers: { 'content-encoding': 'gzip' }, body: bomb });
    await using http = (await rig(server.url, { options: { max_response_bytes: 100_000 } })).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(bomb.length).toBeLessThan(100_000);
    expect(error).toBeInstanceOf(TooLargeError);
  });

  test('four kilobytes of a rejected request’s body are kept', async () => {
    await using server = await vendor({ status: 422, body: 'x'.repeat(3_000_000) });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(RefusedError);
    expect((error as RefusedError).body).toHaveLength(4096);
  });
});

describe('temporary failures', () => {
  test.each<[string, SimulatedAnswer]>([
    ['500', { status: 500, body: { message: 'busy', code: 1020 } }],
    ['503', { status: 503 }],
    ['408', { status: 408 }],
    ['HTML with 200', HTML],
    [
      'HTML that says it is JSON',
      { status: 200, body: ' <!DOCTYPE html><html></html>', headers: { 'content-type': 'application/json' } },
    ],
    ['HTML with 403', { ...HTML, status: 403 }],
    ['a reset', { status: 200, fault: 'reset' }],
    ['a truncated body', { status: 200, body: { rows: [1, 2, 3] }, fault: 'truncate' }],
    ['a broken encoding', { status: 200, headers: { 'content-encoding': 'gzip' }, body: 'plain' }],
  ])('%s is retried, and the later response used', async (_what, answer) => {
    await using server = await vendor(answer);
    const { http, clock: ours, reports } = await rig(server.url);

    const got = await drive(ours, http.get({ path: '/x', route: 'x' }));

    expect(got.json()).toEqual({ rows: [1, 2] });
    expect(server.requests).toHaveLength(2);
    expect(reports.map(({ retry }) => retry)).toEqual([false, true]);
    await http[Symbol.asyncDispose]();
  });

  test('temporary failures are retried `retries` times with growing delays', async () => {
    const ours = new DrivenClock();
    const start = ours.now();
    const waits: number[] = [];
    await using failing = await serve(
      () => {
        waits.push(ours.now() - start);
        return { status: 500 };
      },
      { clock: ours },
    );
    const rigged = await rig(failing.url, { clock: ours, options: { retries: 7 } });

    const error = await failure(drive(ours, rigged.http.get({ path: '/x', route: 'x' })));

    expect(error).toBeInstanceOf(UnavailableError);
    expect(waits.map((at, index) => (at - (waits[index - 1] ?? 0)) / 1000)).toEqual([
      0, 1, 2, 4, 8, 16, 30, 30,
    ]);
    await rigged.http[Symbol.asyncDispose]();
  });
});
