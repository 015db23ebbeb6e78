import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { UnauthorisedError } from '../../../src/core/errors.ts';
import { type SignedRequest, signature } from '../../../src/http/auth/signature.ts';
import { serve, type SimulatedRequest } from '../../../src/simulators/server.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { drive, failure, rig, until } from '../support/rig.ts';

const KEY = 'the key of the signature';
const identity = () => ({ skey: KEY });

/** Duo's way: date, method, host, path and the sorted parameters, a line each. */
function sign({ date, method, host, path, sortedQuery }: SignedRequest): Record<string, string> {
  const lines = [date, method, host, path, sortedQuery].join('\n');
  const hmac = createHmac('sha1', KEY).update(lines).digest('hex');
  return { Date: date, Authorization: `Basic ${Buffer.from(`ikey:${hmac}`).toString('base64')}` };
}

/** Whether a request is signed for what arrived, by a clock that is `ahead` ms of the simulator's. */
function isSigned({ method, path, query, headers, at }: SimulatedRequest, ahead: number): boolean {
  const { date = '', host = '', authorization } = headers;
  const sortedQuery = [...query]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&');
  const expected = sign({ date, method, host, path, sortedQuery } as SignedRequest)['Authorization'];
  return authorization === expected && Math.abs(Date.parse(date) - at - ahead) < 300_000;
}

/** A vendor that refuses signatures of others, and of another time than its own. */
function vendor(clock: DrivenClock, ahead = 0) {
  return serve(
    (asked) => ({
      status: isSigned(asked, ahead) ? 200 : 401,
      headers: { date: new Date(asked.at + ahead).toUTCString() },
      body: [1],
    }),
    { clock },
  );
}

const request = {
  path: '/admin/v2/logs',
  query: [
    ['sort', 'ts:asc'],
    ['mintime', 5],
    ['limit', '1000'],
  ],
  route: 'x',
} as const;

test('each attempt is signed by itself, for the URL as it is sent', async () => {
  const clock = new DrivenClock();
  await using server = await vendor(clock);
  server.script.push({ status: 503 }, { status: 307, headers: { location: '/moved?b=2&a=1' } });
  const { http } = await rig(server.url, { clock, authorise: () => signature(sign, identity) });

  const answer = await drive(clock, http.get(request));

  expect(answer.json()).toEqual([1]);
  expect(server.requests.map((asked) => isSigned(asked, 0))).toEqual([true, true, true]);
  expect(new Set(server.requests.map(({ headers }) => headers['authorization'])).size).toBe(3);
  await http[Symbol.asyncDispose]();
});

test('a signature sees everything that is sent', async () => {
  const clock = new DrivenClock();
  const seen: SignedRequest[] = [];
  const authentication = signature((signed) => {
    seen.push(signed);
    return {};
  }, identity);
  await using server = await serve(() => ({ status: 200, body: [] }), { clock });
  await using http = (await rig(`${server.url}/api`, { clock, authorise: () => authentication })).http;

  const query = [
    ['b', ["it's 2", '1']],
    ['a-b', 'x'],
    ['a', ''],
  ] as const;
  await http.request({ method: 'POST', path: '/logs', query, route: 'x', body: { json: { é: 1 } } });
  await http.get({ path: '/logs', route: 'x' });

  expect(seen).toEqual([
    {
      method: 'POST',
      scheme: 'http',
      host: new URL(server.url).host,
      path: '/api/logs',
      query: 'b=it%27s%202&b=1&a-b=x&a=',
      sortedQuery: 'a=&a-b=x&b=it%27s%202&b=1',
      body: '{"é":1}',
      date: 'Mon, 02 Mar 2026 12:00:00 GMT',
      now: clock.now(),
    },
    expect.objectContaining({ method: 'GET', query: '', sortedQuery: '', body: '' }),
  ]);
  expect(server.requests[0]?.headers['host']).toBe(seen[0]?.host);
});

test('a signature waits for the quota first, so that it is not minutes old', async () => {
  const clock = new DrivenClock();
  await using server = await vendor(clock);
  const quotas = [{ route: 'x', requests: 1, per: 900_000 }];
  const { http } = await rig(server.url, { clock, quotas, authorise: () => signature(sign, identity) });

  await http.get(request);
  await drive(clock, http.get(request));

  expect(server.requests.map((asked) => isSigned(asked, 0))).toEqual([true, true]);
  await http[Symbol.asyncDispose]();
});

test.each([-3_600_000, 3_600_000])(
  'a signature that a clock %i ms ahead rejects is made once more with that clock',
  async (ahead) => {
    const clock = new DrivenClock();
    await using server = await vendor(clock, ahead);
    await using http = (await rig(server.url, { clock, authorise: () => signature(sign, identity) })).http;

    await http.get(request);
    await http.get(request);

    expect(server.requests.map((asked) => isSigned(asked, ahead))).toEqual([false, true, true]);
  },
);

test('a signature with a wrong key is rejected for good', async () => {
  const clock = new DrivenClock();
  await using server = await vendor(clock);
  const wrong = signature((signed) => ({ ...sign(signed), Authorization: 'Basic wrong' }), identity);
  await using http = (await rig(server.url, { clock, authorise: () => wrong })).http;

  expect(await failure(http.get(request))).toBeInstanceOf(UnauthorisedError);
  expect(server.requests).toHaveLength(1);
});

test('the budget of a signature is named by its key', async () => {
  const clock = new DrivenClock();
  await using server = await vendor(clock);
  const name = async (key: string) => {
    const authorise = () => signature(sign, () => ({ skey: key }));
    await using http = (await rig(server.url, { clock, authorise })).http;
    const before = http.quotaName('x');
    await http.get(request);
    await until(() => server.requests.length > 0);
    expect(http.quotaName('x')).toBe(before);
    return before;
  };

  const one = await name(KEY);
  clock.jump(3_600_000);
  expect(await name(KEY)).toBe(one);
  expect(await name('another key')).not.toBe(one);
});

test('a signature is masked in what the vendor says, and what everybody may read is not', async () => {
  const clock = new DrivenClock();
  await using server = await serve(
    ({ headers, path }) => ({
      status: 400,
      body: {
        message: `${headers['date']} ${path} ${headers['authorization']} ${headers['authorization']?.slice(6)}`,
      },
    }),
    { clock },
  );
  const { http } = await rig(server.url, { clock, authorise: () => signature(sign, identity) });

  const error = await failure(drive(clock, http.get(request)));

  const { date } = server.requests[0]?.headers ?? {};
  expect(error.message).toContain(`${date} ${request.path} [secret] [secret]`);
});
