import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import type { Authentication } from '../../../src/core/authentication.ts';
import { mask, Secret } from '../../../src/core/secret.ts';
import {
  basic,
  bearer,
  headers,
  identifiedBy,
  queryParameter,
  together,
} from '../../../src/http/auth/plain.ts';
import { quotaName } from '../../../src/http/quota.ts';
import { serve } from '../../../src/simulators/server.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { http as response, serveRaw } from '../../support/raw-server.ts';
import { failure, rig } from '../support/rig.ts';

const clock = new DrivenClock();
const KEY = 'key+of/nobody else';
const secret = new Secret(KEY);
const key = () => secret.reveal();

/** The headers of one request with this authentication. */
async function sent(authentication: Authentication) {
  await using server = await serve(() => ({ status: 200, body: [] }), { clock });
  await using http = (await rig(server.url, { authorise: () => authentication })).http;
  await http.get({ path: '/x', route: 'x', headers: { Authorization: 'of the request' } });
  return server.requests[0]?.headers ?? {};
}

test('bearer, basic and other headers are sent, and win over those of the request', async () => {
  expect(await sent(bearer(key))).toMatchObject({ authorization: `Bearer ${KEY}` });
  expect((await sent(basic(() => 'us', key)))['authorization']).toBe(
    `Basic ${Buffer.from(`us:${KEY}`).toString('base64')}`,
  );
  expect(await sent(headers({ 'X-Api-Key': key, 'X-Id': () => '7' }))).toMatchObject({
    'x-api-key': KEY,
    'x-id': '7',
    authorization: 'of the request',
  });
});

test('several are sent together, under one name of their budget', async () => {
  const both = together(bearer(key), headers({ 'X-Tenant': () => 't1' }), queryParameter('k', key));

  expect(await sent(both)).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-tenant': 't1' });
  expect(both.identity()).toEqual({ authorization: `Bearer ${KEY}`, 'x-tenant': 't1', k: KEY });
  expect(identifiedBy(both, () => ({ token: KEY })).identity()).toEqual({ token: KEY });
});

test('a budget keeps its name when headers are made by an authentication', async () => {
  await using server = await serve(() => ({ status: 200, body: [] }), { clock });
  const authorisation = { authorization: `Bearer ${KEY}` };
  await using plain = (await rig(server.url, { authorise: () => authorisation })).http;
  await using made = (await rig(server.url, { authorise: () => bearer(key) })).http;

  expect(plain.quotaName('x')).toBe(quotaName(server.url, authorisation, 'x'));
  expect(made.quotaName('x')).toBe(plain.quotaName('x'));
});

test('a rotated secret is sent with the next request', async () => {
  let file = 'value-of-monday';
  const rotated = new Secret(file).rereadBy(() => file);
  await using server = await serve(() => ({ status: 200, body: [] }), { clock });
  await using http = (await rig(server.url, { authorise: () => bearer(() => rotated.reveal()) })).http;

  await http.get({ path: '/x', route: 'x' });
  file = 'value-of-tuesday';
  rotated.refresh();
  await http.get({ path: '/x', route: 'x' });

  expect(server.requests.map(({ headers }) => headers['authorization'])).toEqual([
    'Bearer value-of-monday',
    'Bearer value-of-tuesday',
  ]);
});

const encoded = () => Buffer.from(`id:${key()}:suffix`).toString('base64');

test('what is made of a secret is masked too', async () => {
  await sent(headers({ 'X-Key': encoded }));

  expect(mask(`got ${encoded()}`)).toBe('got [secret]');
});

test('an authorization that a source computes is masked, and its other headers are not', async () => {
  const authorisation = { Authorization: 'HMAC of-a-request-by-a-source', Version: 'version-19.0' };
  await using server = await serve(() => ({ status: 200, body: [] }), { clock });
  await using http = (await rig(server.url, { authorise: () => authorisation })).http;

  await http.get({ path: '/x', route: 'x' });

  expect(mask('HMAC of-a-request-by-a-source; of-a-request-by-a-source; version-19.0')).toBe(
    '[secret]; [secret]; version-19.0',
  );
});

test('a credential in the query is sent once, also where the vendor repeats it', async () => {
  const json = ['Content-Type: application/json'];
  await using server = await serveRaw(
    response('307 Temporary Redirect', ['Location: /moved?a=b%2fc&api%5Fkey=stale&z'], 'moved'),
    response('200 OK', [...json, 'Link: </next?p=2&api_key=stale>; rel="next"'], '[]'),
    response('200 OK', json, '[]'),
  );
  await using http = (await rig(server.url, { authorise: () => queryParameter('api_key', key) })).http;

  const first = await http.get({ path: '/x', query: { q: 'a' }, route: 'x' });
  const second = await http.get({ url: first.link('next') ?? '', route: 'x' });

  const target = '&api_key=key%2Bof%2Fnobody%20else';
  expect(server.requests.map((text) => text.split(' ')[1])).toEqual([
    `/x?q=a${target}`,
    `/moved?a=b%2fc&z${target}`,
    `/next?p=2${target}`,
  ]);
  expect(first.url).toBe(`${server.url}/moved?a=b%2fc&z`);
  expect(second.url).toBe(`${server.url}/next?p=2`);
});

test('a credential in the query is in no message', async () => {
  await using server = await serve(({ query }) => ({ status: 400, body: { message: `at ?${query}` } }), {
    clock,
  });
  const { http, lines } = await rig(server.url, { authorise: () => queryParameter('api_key', key) });

  const errors = [await failure(http.get({ path: '/x', route: 'x' }))];
  await server.away();
  await http[Symbol.asyncDispose]();

  const options = { retries: 0 };
  const gone = await rig(server.url, { authorise: () => queryParameter('api_key', key), options });
  errors.push(await failure(gone.http.get({ path: '/x', route: 'x' })));

  expect(errors[0]?.message).toContain('at ?api_key=[secret]');
  expect(inspect(errors) + JSON.stringify([lines, gone.lines])).not.toMatch(/of(\/|%2F)nobody/);
  await gone.http[Symbol.asyncDispose]();
});
