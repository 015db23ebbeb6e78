import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { mask } from '../../../src/core/secret.ts';
import { authenticationOf } from '../../../src/http/auth/plain.ts';
import { type SimulatedRequest, serve } from '../../../src/simulators/server.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { drive } from '../../http/support/rig.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { testPipeline } from '../../support/test-pipeline.ts';
import { definition, NOW, simulated } from './lab.ts';

const REQUEST = '{ path: /records, query: { b: "x y", a: "1" } }';

/** The requests of one poll; `answer` answers what is not the list. */
async function requestsOf(
  parts: Readonly<Record<string, string>>,
  config: Readonly<Record<string, unknown>>,
  answer: (request: SimulatedRequest) => unknown = () => ({}),
): Promise<readonly SimulatedRequest[]> {
  const clock = new DrivenClock(NOW);
  await using vendor = await serve(
    (request) => ({ status: 200, body: request.path === '/records' ? { data: [] } : answer(request) }),
    { clock },
  );
  const source = compileDefinition(
    definition({ cursor: '{ snapshot: {} }', request: REQUEST, ...parts }),
    'sample',
  );
  const lab = testPipeline({ source, vendor, clock, config });
  await drive(clock, lab.once());
  return vendor.requests;
}

it.each<[string, Readonly<Record<string, unknown>>, Readonly<Record<string, string>>]>([
  ['{ bearer: "{{ options.token }}" }', { token: 't-1' }, { authorization: 'Bearer t-1' }],
  [
    '{ basic: { username: "{{ options.account }}", password: "{{ options.token }}" } }',
    { token: 't-1', account: 'me' },
    { authorization: `Basic ${btoa('me:t-1')}` },
  ],
  [
    '{ headers: { X-Key: "{{ options.token }}", X-Version: "2" } }',
    { token: 't-1' },
    { 'x-key': 't-1', 'x-version': '2' },
  ],
  [
    '{ one_of: { plain: { headers: { X-Key: "{{ options.token }}" } }, strong: { bearer: "{{ options.token }}" } } }',
    { token: 't-1' },
    { 'x-key': 't-1' },
  ],
  [
    '{ one_of: { plain: { headers: { X-Key: "{{ options.token }}" } }, strong: { bearer: "{{ options.token }}" } } }',
    { token: 't-1', auth: 'strong' },
    { authorization: 'Bearer t-1' },
  ],
])('with auth %s and %j a request has its headers', async (auth, config, headers) => {
  const [request] = await requestsOf({ auth }, config);

  expect(request?.headers).toMatchObject(headers);
});

it('a query parameter carries a credential, and parameters keep their order and encoding', async () => {
  const [request] = await requestsOf(
    { auth: '{ query: { name: key, value: "{{ options.token }}" } }' },
    { token: 't 1' },
  );

  expect([...(request?.query ?? [])]).toEqual([
    ['b', 'x y'],
    ['a', '1'],
    ['key', 't 1'],
  ]);
});

it('parameters whose names are integers keep their order too', async () => {
  const [request] = await requestsOf(
    { request: '{ path: /records, query: { b: x, 10: y, a: z, 2: ["1", "0"] } }' },
    { token: 't-1' },
  );

  expect(request?.query.toString()).toBe('b=x&10=y&a=z&2=1&2=0');
});

it('a signature covers method, host, path and sorted parameters', async () => {
  const sign = `{ sign: { headers: { Date: "{{ date }}", Authorization: '{{ "Basic " + base64(options.ikey + ":" + hex(hmac_sha1(options.token, join([date, method, host, path, sorted_query], "\\n")))) }}' } } }`;
  const [request] = await requestsOf(
    { auth: sign, options: '{ ikey: { type: string, required: true } }' },
    { token: 'secret-key', ikey: 'DI' },
  );

  const { date = '', host = '', authorization = '' } = request?.headers ?? {};
  const text = [date, 'GET', host, '/records', 'a=1&b=x%20y'].join('\n');
  const signature = createHmac('sha1', 'secret-key').update(text).digest('hex');
  expect(date).toBe('Mon, 02 Mar 2026 12:00:00 GMT');
  expect(authorization).toBe(`Basic ${btoa(`DI:${signature}`)}`);
});

it('of the headers beside a signature, those that are made without a secret are not masked', async () => {
  const sign = `{ sign: { headers: { X-Time: "{{ epoch_s(now) }}", X-Version: "2024-01-31", X-Signature: '{{ hex(hmac_sha256(options.token, string(epoch_s(now)))) }}' } } }`;
  const [request] = await requestsOf({ auth: sign }, { token: 'secret-key' });

  const { 'x-time': time, 'x-version': version, 'x-signature': signature } = request?.headers ?? {};
  expect([time, version, signature?.length]).toEqual(['1772452800', '2024-01-31', 64]);
  const said = `At ${time}, version ${version}: wrong signature `;
  expect(mask(`${said}${signature}`)).toBe(`${said}[secret]`);
});

it('a session is fetched by a log-in and sent with every request', async () => {
  const login =
    '{ login: { request: { path: /login, body: { user: "{{ options.account }}", password: "{{ options.token }}" } }, token: data.token, expires: 25m, headers: { X-Session: "{{ session }}" } } }';
  const requests = await requestsOf({ auth: login }, { token: 'pass-word', account: 'me' }, () => ({
    data: { token: 's-1' },
  }));

  expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /login', 'GET /records']);
  expect(JSON.parse(String(requests[0]?.body))).toEqual({ user: 'me', password: 'pass-word' });
  expect(requests[1]?.headers['x-session']).toBe('s-1');
});

it('a token is fetched by OAuth 2 with the client’s secret', async () => {
  const auth =
    '{ oauth2: { token_url: /oauth/token, client_id: "{{ options.client_id }}", client_secret: "{{ options.secret }}", scope: read, audience: api, params: { tenant: "7" } } }';
  const options = '{ client_id: { type: string, required: true }, secret: { type: secret, required: true } }';
  const requests = await requestsOf({ auth, options }, { client_id: 'c-1', secret: 's-secret' }, () => ({
    access_token: 'at-1',
    token_type: 'Bearer',
    expires_in: 3600,
  }));

  const form = new URLSearchParams(String(requests[0]?.body));
  expect(Object.fromEntries(form)).toEqual({
    grant_type: 'client_credentials',
    client_id: 'c-1',
    client_secret: 's-secret',
    scope: 'read',
    audience: 'api',
    tenant: '7',
  });
  expect(requests[1]?.headers['authorization']).toBe('Bearer at-1');
});

it('a simulated vendor gives tokens and sessions', async () => {
  const text = definition({
    cursor: '{ snapshot: {} }',
    auth: '{ one_of: { token: { oauth2: { token_url: /t, client_id: c, client_secret: "{{ options.token }}" } }, session: { login: { request: { path: /login, body: {} }, token: a.b, headers: { X-S: "{{ session }}" } } } } }',
  });
  for (const auth of ['token', 'session']) {
    await using sample = await simulated(text, { config: { auth } });
    sample.vendor.add({ id: 1, action: 'a1' });
    await sample.poll();
    expect(sample.actions()).toEqual(['a1']);
    expect(sample.server.requests).toHaveLength(2);
  }
});

const ONE_OF = `{ one_of: { plain: { bearer: "{{ options.token }}" }, oauth2: { oauth2: { token_url: /t, client_id: c, client_secret: "{{ options.secret }}" } } } }`;

it.each<[Readonly<Record<string, unknown>>, readonly string[]]>([
  [{}, ['token']],
  [{ token: 't-1' }, []],
  [{ auth: 'oauth2' }, ['secret']],
  [{ auth: 'oauth2', token: 't-1' }, ['secret']],
  [{ auth: 'oauth2', secret: 's-1' }, []],
])('with the options %j these are missing: %j', (config, missing) => {
  const source = compileDefinition(
    definition({ cursor: '{ snapshot: {} }', auth: ONE_OF, options: '{ secret: { type: secret } }' }),
    'sample',
  );

  const checked = source.options.safeParse({
    type: 'sample',
    base_url: 'https://api.example.com',
    ...config,
  });

  expect((checked.error?.issues ?? []).map(({ path }) => path.join('.'))).toEqual(missing);
});

it.each([
  [
    'the request behind a position',
    {
      request: '{ method: POST, path: /records }',
      cursor:
        '{ position: { from: next, request: { body: { at: "{{ position }}", key: "{{ options.secret }}" } } } }',
    },
  ],
  [
    'the request for details',
    {
      cursor: '{ snapshot: {} }',
      expand:
        '{ ids: id, request: { path: "/{{ ids[0] }}", headers: { X-Key: "{{ options.secret }}" } }, records: data, key: id }',
    },
  ],
])('a secret that only %s uses is required, and names the budget', (_, parts) => {
  const source = compileDefinition(
    definition({ ...parts, auth: '', options: '{ secret: { type: secret } }' }),
    'sample',
  );
  const block = { type: 'sample', base_url: 'https://api.example.com' };
  const options = source.options.parse({ ...block, secret: 's-1' });

  expect(source.options.safeParse(block).error?.issues.map(({ path }) => path)).toEqual([['secret']]);
  expect(authenticationOf(() => source.authorise(options)).identity()).toEqual({ secret: 's-1' });
});
