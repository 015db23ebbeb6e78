import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { explain, RefusedError, UnauthorisedError, type VendorError } from '../../src/core/errors.ts';
import { serve } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { drive, failure, rig, TOKEN } from './support/rig.ts';

const clock = new DrivenClock();
const ok = () => ({ status: 200, body: [] });

describe('rejected requests', () => {
  test.each([401, 403])('%i is not retried, and the error says what to check', async (status) => {
    await using server = await serve(() => ({ status, body: { message: 'No capability.', code: 26 } }), {
      clock,
    });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(UnauthorisedError);
    expect((error as VendorError).status).toBe(status);
    expect(error.message).toMatch(/No capability\..*Check/);
    expect(server.requests).toHaveLength(1);
  });

  test('422 is not retried, and the error keeps the vendor’s code', async () => {
    const body = { message: 'Sort is not supported.', code: 1030 };
    await using server = await serve(() => ({ status: 422, body }), { clock });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(RefusedError);
    expect(JSON.parse((error as RefusedError).body)).toEqual(body);
    expect(server.requests).toHaveLength(1);
  });

  test('no error and no log line contains the query or the credential', async () => {
    const echo = { message: `Bad token ${TOKEN}` };
    await using server = await serve(() => ({ status: 422, body: echo }), { clock });
    const { http, lines, clock: ours } = await rig(server.url, { options: { retries: 1 } });
    const request = { path: '/x', query: { filter: 'very-private' }, route: 'x' };
    const answers = [500, 503, 401, 403, 404, 429].map((status) => ({ status, body: echo }));

    const errors = [await failure(http.get(request))];
    for (const answer of answers) {
      server.script.push(answer, answer);
      errors.push(await failure(drive(ours, http.get(request))));
      server.script.length = 0;
    }
    server.script.push({ status: 200, fault: 'reset' }, { status: 200, fault: 'reset' });
    errors.push(await failure(drive(ours, http.get(request))));

    const shown =
      errors.map((error) => inspect(error, { depth: 5 }) + explain(error)).join() + JSON.stringify(lines);
    expect(errors).toHaveLength(8);
    expect(shown).toContain(server.url);
    expect(shown).not.toContain(TOKEN);
    expect(shown).not.toContain('very-private');
    await http[Symbol.asyncDispose]();
  });
});

describe('redirects', () => {
  test('redirects on the same origin are followed', async () => {
    await using server = await serve(ok, { clock });
    server.script.push({ status: 302, headers: { location: '/moved?page=2' } });
    await using http = (await rig(server.url)).http;

    const answer = await http.get({ path: '/x', route: 'x' });

    expect(answer.json()).toEqual([]);
    expect(server.requests.map(({ path, query }) => `${path} ${query.toString()}`)).toEqual([
      '/x ',
      '/moved page=2',
    ]);
  });

  test('three redirects are followed, a fourth is an error', async () => {
    await using server = await serve(() => ({ status: 307, headers: { location: '/x' } }), { clock });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(RefusedError);
    expect(server.requests).toHaveLength(4);
  });

  test('a redirect to another origin is an error, and nothing is sent there', async () => {
    await using thief = await serve(ok, { clock });
    await using server = await serve(
      () => ({ status: 302, headers: { location: `${thief.url}/steal?t=private` } }),
      { clock },
    );
    await using http = (await rig(server.url)).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(RefusedError);
    expect(error.message).toContain(thief.url);
    expect(error.message).not.toContain('private');
    expect(server.requests).toHaveLength(1);
    expect(thief.requests).toHaveLength(0);
  });

  test('a redirect without a location is an error', async () => {
    await using server = await serve(() => ({ status: 301 }), { clock });
    await using http = (await rig(server.url)).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(RefusedError);
  });
});

test('a deprecated version is logged once', async () => {
  await using server = await serve(() => ({ status: 200, headers: { Deprecated: 'true' }, body: [] }), {
    clock,
  });
  const { http, lines } = await rig(server.url);

  await http.get({ path: '/x', route: 'x' });
  await http.get({ path: '/x', route: 'x' });

  expect(lines.filter(({ msg }) => String(msg).includes('deprecated'))).toHaveLength(1);
  await http[Symbol.asyncDispose]();
});
