import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { readFile } from 'node:fs/promises';
import { createServer as createSecureServer } from 'node:https';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { explain, TimedOutError, UnavailableError } from '../../src/core/errors.ts';
import { explainNetworkError } from '../../src/http/network-error.ts';
import { sourceWay } from '../../src/http/way.ts';
import { serve } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { PASSWORD, proxy } from './support/proxy.ts';
import { failure, rig } from './support/rig.ts';

const clock = new DrivenClock();
const ok = () => ({ status: 200, body: [] });

/** A server whose answer begins and never ends. */
async function stalling(encoding: string) {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const server = createHttpServer((_request, response) => {
    response.writeHead(200, { 'content-encoding': encoding });
    response.write(encoding === 'gzip' ? gzipSync('[1, 2, 3]').subarray(0, 20) : '[1, 2', () => begin());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    begun,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('proxies', () => {
  test.each(['the option', 'the environment'])('a proxy of %s forwards plain requests', async (where) => {
    await using server = await serve(ok, { clock });
    await using via = await proxy();
    const byOption = where === 'the option';
    await using http = (
      await rig(server.url, {
        env: byOption ? {} : { HTTP_PROXY: via.url.replace('http://', '') },
        options: byOption ? { proxy: new Secret(via.url) } : {},
      })
    ).http;

    await http.get({ path: '/x', query: { a: 1 }, route: 'x' });

    expect(via.seen).toEqual([`GET ${server.url}/x?a=1`]);
    expect(server.requests).toHaveLength(1);
  });

  test.each(['the option', 'the environment'])('a proxy of %s tunnels TLS', async (where) => {
    const [cert, key] = await Promise.all(
      ['localhost.pem', 'localhost.key'].map((name) =>
        readFile(new URL(`fixtures/${name}`, import.meta.url)),
      ),
    );
    const server = createSecureServer({ cert, key }, (_request, response) => response.end('[]'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using via = await proxy();
    const byOption = where === 'the option';
    const ca_file = new URL('fixtures/ca.pem', import.meta.url).pathname;
    await using http = (
      await rig(`https://${address}`, {
        env: byOption ? {} : { https_proxy: via.url },
        options: { tls: { ca_file }, ...(byOption ? { proxy: new Secret(via.url) } : {}) },
      })
    ).http;

    const answer = await http.get({ path: '/x', route: 'x' });

    expect(answer.json()).toEqual([]);
    expect(via.seen).toEqual([`CONNECT ${address}`]);
    server.closeAllConnections();
    server.close();
  });

  test('a proxy is not used for hosts in NO_PROXY, nor for the other protocol', async () => {
    await using server = await serve(ok, { clock });
    await using via = await proxy();
    await using excepted = (await rig(server.url, { env: { http_proxy: via.url, no_proxy: '127.0.0.1' } }))
      .http;
    await using other = (await rig(server.url, { env: { HTTPS_PROXY: via.url } })).http;

    await excepted.get({ path: '/x', route: 'x' });
    await other.get({ path: '/x', route: 'x' });

    expect(via.seen).toEqual([]);
    expect(server.requests).toHaveLength(2);
  });

  test('the password of a proxy may contain any character and is never printed', async () => {
    await using server = await serve(ok, { clock });
    await using via = await proxy({ password: 'Winter2026#pass/?@x' });
    await using http = (await rig(server.url, { env: { HTTP_PROXY: via.url }, options: { retries: 0 } }))
      .http;

    await http.get({ path: '/x', route: 'x' });
    await via[Symbol.asyncDispose]();
    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(via.seen).toEqual([`GET ${server.url}/x`]);
    expect(`${explain(error)} ${error.stack}`).not.toMatch(/Winter2026|pass\//);
  });

  test.each(['http', 'https'])(
    'a proxy that refuses the connection is named for %s, without its password',
    async (protocol) => {
      await using via = await proxy({ refuses: true });
      const options = { proxy: new Secret(via.url), retries: 0 };
      await using http = (await rig(`${protocol}://127.0.0.1:1`, { options })).http;

      const error = await failure(http.get({ path: '/x', route: 'x' }));

      expect(error).toBeInstanceOf(UnavailableError);
      expect(explain(error)).toMatch(/`proxy`.*407/);
      expect(explain(error)).not.toContain(PASSWORD);
    },
  );
});

test.each(['identity', 'gzip'])('a body (%s) that stops half-way is a time-out', async (encoding) => {
  await using server = await stalling(encoding);
  const ours = new DrivenClock();
  const { http } = await rig(server.url, { clock: ours, options: { timeout: 10_000, retries: 0 } });

  const late = failure(http.get({ path: '/x', route: 'x' }));
  await server.begun;
  await ours.advance(10_000);

  expect(await late).toBeInstanceOf(TimedOutError);
  await http[Symbol.asyncDispose]();
});

describe('network errors', () => {
  test('a port where nobody listens is a refused connection', async () => {
    const server = await serve(ok, { clock });
    await server[Symbol.asyncDispose]();
    await using http = (await rig(server.url, { options: { retries: 0 } })).http;

    const error = await failure(http.get({ path: '/x', query: { a: 'private' }, route: 'x' }));

    expect(error).toBeInstanceOf(UnavailableError);
    const at = server.url.replace('http://', '');
    expect(explain(error)).toBe(
      `No answer from ${server.url}/x: the connection to ${at} was refused. Check that the service is running, and host and port in base_url.`,
    );
    expect(explain(error)).not.toContain('private');
  });

  test.each([
    ['ENOTFOUND', /^the host name nobody was not found \(DNS\)/],
    ['EAI_AGAIN', /^the host name nobody could not be looked up.*Usually temporary/],
    ['EHOSTUNREACH', /^nobody:443 is unreachable/],
    ['ETIMEDOUT', /^connecting to nobody:443 timed out/],
    ['EMFILE', /^this host has no more file descriptors/],
    ['E_NOBODY_KNOWS', /^the request failed \(getaddrinfo nobody\)$/],
  ])('%s is explained in words', (code, words) => {
    const lookup = Object.assign(new Error(`getaddrinfo ${code} nobody`), { code, hostname: 'nobody' });
    const way = sourceWay({ base_url: 'https://nobody' }, {});

    expect(explainNetworkError(new Error('fetch failed', { cause: lookup }), way)).toMatch(
      code === 'E_NOBODY_KNOWS' ? /^the request failed \(fetch failed\)$/ : words,
    );
    expect(explainNetworkError(lookup, way)).toMatch(words);
  });

  test('a server that does not speak HTTP is an error with the cause', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using http = (await rig(url, { options: { retries: 0 } })).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(UnavailableError);
    expect(explain(error)).toMatch(/HTTP/);
    server.close();
  });
});
