import { describe, expect, test } from 'vitest';
import {
  RefusedError,
  ThrottledError,
  TimedOutError,
  TooLargeError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../src/core/errors.ts';
import type { HttpRequest } from '../../src/core/http.ts';
import { encoded } from '../../src/http/outgoing.ts';
import { serve, type SimulatedAnswer } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { http as response, serveRaw } from '../support/raw-server.ts';
import { drive, failure, rig, TOKEN } from './support/rig.ts';

const clock = new DrivenClock();

async function vendor(...script: SimulatedAnswer[]) {
  const simulator = await serve(() => ({ status: 200, body: [1] }), { clock });
  simulator.script.push(...script);
  return simulator;
}

const POST: HttpRequest = { method: 'POST', path: '/search', route: 'x', body: { json: { limit: 100 } } };

describe('methods and bodies', () => {
  test('a JSON body is sent exactly, with its type', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;

    const answer = await http.request({ ...POST, body: { json: { id: 9_007_199_254_740_993n, name: 'ü' } } });

    expect(answer.json()).toEqual([1]);
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/search', headers: { 'content-type': 'application/json', sec: TOKEN } },
    ]);
    expect(server.requests[0]?.body.toString()).toBe('{"id":9007199254740993,"name":"ü"}');
  });

  test('a form is sent with its fields in order, and repeated where a value is a list', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;
    const form = { since: '2026-03-02T12:00:00+01:00', type: ['a b', 'c'], none: undefined, full: true };

    await http.request({ ...POST, body: { form } });

    expect(server.requests[0]?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(server.requests[0]?.body.toString()).toBe(
      'since=2026-03-02T12%3A00%3A00%2B01%3A00&type=a%20b&type=c&full=true',
    );
  });

  test('headers of a request win over the type of its body', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;

    await http.request({ ...POST, headers: { 'Content-Type': 'application/vnd.v+json' } });

    expect(server.requests[0]?.headers['content-type']).toBe('application/vnd.v+json');
  });

  test('any method is sent, with and without a body', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;

    await http.request({ method: 'PUT', path: '/x', route: 'x' });
    await http.request({ method: 'REPORT', path: '/x', route: 'x', body: { json: null } });

    expect(server.requests.map(({ method, body }) => `${method} ${body.toString()}`)).toEqual([
      'PUT ',
      'REPORT null',
    ]);
  });

  test('a query keeps its order, repeats lists, and leaves only unreserved characters as they are', async () => {
    await using server = await serveRaw(response('200 OK', ['Content-Type: application/json'], '[]'));
    await using http = (await rig(server.url)).http;
    const query = [
      ['2', 'b'],
      ['1', ["it's", '(a*b)!', '-._~']],
      ['since', undefined],
      ['n', 5n],
    ] as const;

    await http.request({ path: '/x?first=a+b', query, route: 'x' });

    expect(server.requests[0]).toMatch(
      /^GET \/x\?first=a\+b&2=b&1=it%27s&1=%28a%2Ab%29%21&1=-\._~&n=5 HTTP\/1\.1\r\n/,
    );
  });

  test('a text that is not well-formed UTF-16 can be sent', () => {
    expect(encoded({ a: '\uD83D', b: '' })).toBe('a=%EF%BF%BD&b=');
  });
});

describe('every method as a GET', () => {
  test('failures are retried with the same body, and every try is spent', async () => {
    await using server = await vendor(
      { status: 503 },
      { status: 200, body: '{"cut":' },
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 200, fault: 'reset' },
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>later</p>' },
    );
    const quotas = [{ route: 'x', requests: 9, per: 60_000 }];
    const { http, clock: ours } = await rig(server.url, { quotas });

    const answer = await drive(ours, http.request(POST));

    expect(answer.json()).toEqual([1]);
    expect(server.requests.map(({ method, body }) => `${method} ${body.toString()}`)).toEqual(
      Array(6).fill('POST {"limit":100}'),
    );
    expect(http.requests).toBe(6);
    await http[Symbol.asyncDispose]();
  });

  test('a time-out, a large response and a refusal are the same errors', async () => {
    await using server = await vendor(
      { status: 200, fault: 'hang' },
      { status: 200, body: 'x'.repeat(2_000) },
      { status: 410, body: { message: 'cursor expired' } },
    );
    const options = { timeout: 1_000, retries: 0, max_response_bytes: 1_000 };
    const { http, clock: ours } = await rig(server.url, { options });
    const span = { from: 1, to: 2 };

    expect(await failure(drive(ours, http.request(POST)))).toBeInstanceOf(TimedOutError);
    const large = await failure(drive(ours, http.request({ ...POST, asked: span }), 500));
    expect(large).toBeInstanceOf(TooLargeError);
    expect((large as TooLargeError).asked).toEqual(span);
    const refused = await failure(drive(ours, http.request(POST), 500));
    expect(refused).toBeInstanceOf(RefusedError);
    expect((refused as RefusedError).status).toBe(410);
    await http[Symbol.asyncDispose]();
  });

  test('a response with an unexpected date is requested again', async () => {
    await using server = await vendor({
      status: 200,
      headers: { date: 'Mon, 02 Mar 2026 18:00:00 GMT' },
      body: [],
    });
    const { http, clock: ours } = await rig(server.url);

    const answer = await drive(ours, http.request({ ...POST, clock: { ahead: 0, tolerance: 5_000 } }));

    expect(answer.json()).toEqual([1]);
    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
    await http[Symbol.asyncDispose]();
  });
});

const throttled: NonNullable<Parameters<typeof rig>[1]>['throttled'] = ({ status, headers }) =>
  status === 418
    ? { until: headers['x-free'] === undefined ? undefined : Number(headers['x-free']) }
    : undefined;

describe('responses that mean 429', () => {
  test('a response that the source calls throttled pauses its quota until then', async () => {
    await using server = await vendor(
      { status: 418, headers: { 'x-free': String(clock.now() + 20_000) } },
      { status: 418, headers: { 'x-free': String(clock.now() + 900_000), 'retry-after': '3' } },
      { status: 418 },
    );
    const ours = new DrivenClock();
    const { http, reports } = await rig(server.url, { clock: ours, throttled });
    const start = ours.now();

    await drive(ours, http.get({ path: '/x', route: 'x' }));

    // 20 s as asked, 3 s because Retry-After wins, then the default of a third try.
    expect(reports.map(({ throttledUntil }) => throttledUntil && throttledUntil - start)).toEqual([
      20_000,
      23_000,
      43_000,
      undefined,
    ]);
    await http[Symbol.asyncDispose]();
  });

  test('without further tries it is the error of a 429', async () => {
    await using server = await vendor({ status: 418 });
    await using http = (await rig(server.url, { throttled, options: { retries: 0 } })).http;

    expect(await failure(http.get({ path: '/x', route: 'x' }))).toBeInstanceOf(ThrottledError);
  });
});

describe('redirects of other methods', () => {
  test.each([307, 308])('%i is followed on the same origin with method and body', async (status) => {
    await using server = await vendor({ status, headers: { location: '/moved?a=1#top' } });
    await using http = (await rig(server.url)).http;

    const answer = await http.request(POST);

    expect(answer.url).toBe(`${server.url}/moved?a=1`);
    expect(server.requests.map(({ method, path, body }) => `${method} ${path} ${body.toString()}`)).toEqual([
      'POST /search {"limit":100}',
      'POST /moved {"limit":100}',
    ]);
  });

  test.each([301, 302, 303])('%i is an error, because it would make a GET of it', async (status) => {
    await using server = await vendor({ status, headers: { location: '/moved' } });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.request(POST));

    expect(error).toBeInstanceOf(RefusedError);
    expect(error.message).toMatch(/redirects a POST with 30\d/);
    expect(server.requests).toHaveLength(1);
  });

  test('307 to another origin is an error, and nothing is sent there', async () => {
    await using thief = await vendor();
    await using server = await vendor({ status: 307, headers: { location: thief.url } });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.request(POST));

    expect(error).toBeInstanceOf(RefusedError);
    expect(error.message).toContain(thief.url);
    expect(thief.requests).toHaveLength(0);
  });
});

const next = (link: string): SimulatedAnswer => ({ status: 200, headers: { link }, body: [] });

describe('links', () => {
  test.each([
    ['</v1/logs?after=a%2Bb&x=1>; rel="next"', '/v1/logs?after=a%2Bb&x=1'],
    ['<?page=2>; rel=next', '/v1/logs?page=2'],
    ['<b>; title="a, b"; rel="NEXT prefetch", <c>; rel=next', '/v1/b'],
    ['<other>; rel="next"; anchor="#part", <c>; rel="next"', '/v1/c'],
  ])('the next link is found and made absolute: %s', async (link, expected) => {
    await using server = await vendor(next(link));
    await using http = (await rig(server.url)).http;

    const answer = await http.get({ path: '/v1/logs', route: 'x' });

    expect(answer.link('next')).toBe(server.url + expected);
    expect(answer.link('Next')).toBe(server.url + expected);
  });

  test.each(['', ' ', '<a>; rel="self"', '<a>'])('there may be no next link: "%s"', async (link) => {
    await using server = await vendor(next(link));
    await using http = (await rig(server.url)).http;

    expect((await http.get({ path: '/x', route: 'x' })).link('next')).toBeUndefined();
  });

  test.each([
    'garbage',
    '<unclosed; rel="next"',
    `<${'x'.repeat(9_000)}>; rel="next"`,
    '<http://[>; rel="next"',
  ])('a header that cannot be read is an error, never the last page (%#)', async (link) => {
    await using server = await vendor(next(link));
    await using http = (await rig(server.url)).http;
    const answer = await http.get({ path: '/x', route: 'x' });

    expect(() => answer.link('next')).toThrow(UnexpectedAnswerError);
  });

  test('a link is requested exactly as it was given, with method, headers and body', async () => {
    const body = '[]';
    const type = ['Content-Type: application/json'];
    await using server = await serveRaw(response('200 OK', type, body));
    await using http = (await rig(`${server.url}/api`)).http;
    const { method, route } = POST;

    const url = `${server.url}/other?after=a+b%2fc&q='x'#top`;
    const answer = await http.request({
      url,
      method: 'POST',
      route,
      headers: { Prefer: 'ten' },
      body: { json: 1 },
    });

    expect(method).toBe('POST');
    expect(server.requests[0]).toMatch(/^POST \/other\?after=a\+b%2fc&q=%27x%27 HTTP/);
    expect(server.requests[0]).toMatch(/\r\nprefer: ten\r\n/i);
    expect(answer.url).toBe(`${server.url}/other?after=a+b%2fc&q=%27x%27`);
  });

  test('a relative URL of a body is resolved against its response', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url)).http;

    const answer = await http.get({ path: '/v1/logs?page=1', route: 'x' });

    expect(answer.resolve('?page=2')).toBe(`${server.url}/v1/logs?page=2`);
    expect(answer.resolve('https://other.example/x')).toBe('https://other.example/x');
    expect(() => answer.resolve('http://[')).toThrow(UnexpectedAnswerError);
  });
});

describe('other origins', () => {
  const SECRET_HEADERS = { 'X-Trace': 'on', 'X-Key': `key ${TOKEN}` };

  test.each(['http://127.0.0.1:1/next?t=private', 'ftp://x/next', 'javascript:alert(1)', 'no url'])(
    'a URL of another origin is an error that names it, and nothing is sent: %s',
    async (url) => {
      await using server = await vendor();
      await using http = (await rig(server.url)).http;

      const error = await failure(http.get({ url, route: 'x' }));

      expect(error).toBeInstanceOf(UnexpectedAnswerError);
      expect(error.message).toContain(URL.canParse(url) ? 'another origin' : 'no valid URL');
      expect(error.message).not.toContain('private');
      expect(http.requests).toBe(0);
      expect(server.requests).toHaveLength(0);
    },
  );

  test('an allowed origin gets no credential, in no header', async () => {
    await using server = await vendor();
    await using other = await vendor();
    await using http = (await rig(server.url)).http;

    const origins = [{ origin: other.url, credential: false }];
    const answer = await http.get({ url: `${other.url}/n`, origins, headers: SECRET_HEADERS, route: 'x' });

    expect(answer.json()).toEqual([1]);
    expect(other.requests[0]?.headers).toMatchObject({ 'x-trace': 'on', accept: 'application/json' });
    expect(JSON.stringify(other.requests[0]?.headers)).not.toContain(TOKEN);
  });

  test('an origin that is trusted with it gets the credential', async () => {
    await using server = await vendor();
    await using other = await vendor();
    await using http = (await rig(server.url)).http;

    const origins = [{ origin: other.url, credential: true }];
    await http.get({ url: `${other.url}/n`, origins, headers: SECRET_HEADERS, route: 'x' });

    expect(other.requests[0]?.headers).toMatchObject({ sec: TOKEN, 'x-key': `key ${TOKEN}` });
  });

  test('an unreachable origin is explained without blaming base_url', async () => {
    await using server = await vendor();
    await using http = (await rig(server.url, { options: { retries: 0 } })).http;

    const origins = [{ origin: 'http://127.0.0.1:1', credential: false }];
    const error = await failure(http.get({ url: 'http://127.0.0.1:1/n', origins, route: 'x' }));

    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toContain('host and port in the link of the answer');
  });
});
