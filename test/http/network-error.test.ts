import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import type { TlsConfig } from '../../src/config/types.ts';
import { Sender } from '../../src/otlp/sender.ts';
import { destination } from '../deliver/support/events.ts';
import type { DrivenClock } from '../support/driven-clock.ts';
import { drive, failure, rig } from './support/rig.ts';

/** Where a request goes, and what is wrong on the way. */
interface Situation extends AsyncDisposable {
  readonly url: string;
  readonly tls?: TlsConfig;
  /** Of HTTP_PROXY and HTTPS_PROXY. */
  readonly proxy?: string;
  /** A time that is too short for the server. Milliseconds. */
  readonly timeout?: number;
}

type Listener = (socket: Socket) => void;

const ca_file = fixture('ca.pem');

function fixture(name: string): string {
  return new URL(`fixtures/${name}`, import.meta.url).pathname;
}

async function listening(
  server: Server,
  given: Omit<Situation, 'url' | keyof AsyncDisposable> & { readonly url?: (port: number) => string },
): Promise<Situation> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { url = () => `http://127.0.0.1:${port}` } = given;
  return {
    ...given,
    ...(given.proxy !== undefined && { proxy: given.proxy.replace('PORT', String(port)) }),
    url: url(port),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const https = (port: number) => `https://127.0.0.1:${port}`;

function secure(name: string, tls: TlsConfig = {}, options: ServerOptions = {}): Promise<Situation> {
  const [cert, key] = [readFileSync(fixture(`${name}.pem`)), readFileSync(fixture(`${name}.key`))];
  const server = createHttps({ cert, key, ...options }, (_request, response) => response.end('[]'));
  return listening(server, { url: https, tls });
}

function plain(): Server {
  return createHttp((_request, response) => response.end('[]'));
}

/** A server of bytes. */
function raw(onSocket: Listener): Server {
  return createTcp(onSocket);
}

/** A proxy that answers every request with this status, for plain requests and tunnels alike. */
function proxyAnswering(status: string): Server {
  const server = createHttp((_request, response) => response.writeHead(Number(status.slice(0, 3))).end());
  return server.on('connect', (_request, socket) => socket.end(`HTTP/1.1 ${status}\r\n\r\n`));
}

/** Direct, with nobody there. */
function nowhere(url: string, more: Partial<Situation> = {}): Promise<Situation> {
  return Promise.resolve({ url, ...more, [Symbol.asyncDispose]: () => Promise.resolve() });
}

const wantsClient = { ca: readFileSync(ca_file), requestCert: true, rejectUnauthorized: true };
const behindProxy = () => 'https://vendor.test';

const SITUATIONS: Readonly<Record<string, () => Promise<Situation>>> = {
  'private CA': () => secure('localhost'),
  'another CA in ca_file': () => secure('localhost', { ca_file: fixture('other-ca.pem') }),
  'self-signed': () => secure('self-signed'),
  expired: () => secure('expired', { ca_file }),
  'not yet valid': () => secure('early', { ca_file }),
  'another name': () => secure('console', { ca_file }),
  'another name than server_name': () => secure('console', { ca_file, server_name: 'siem.internal' }),
  'client certificate required': () =>
    secure('localhost', { ca_file }, { ...wantsClient, maxVersion: 'TLSv1.2' }),
  'TLS to a plain port': () => listening(plain(), { url: https, tls: { ca_file } }),
  'plain to a port that answers with a TLS alert': () =>
    listening(
      raw((socket) => socket.once('data', () => socket.end(Buffer.from([0x15, 3, 1, 0, 2, 2, 0x0a])))),
      {},
    ),
  'plain to a TLS port': () => {
    const [cert, key] = [readFileSync(fixture('localhost.pem')), readFileSync(fixture('localhost.key'))];
    return listening(createHttps({ cert, key }), {});
  },
  'plain to a TLS port that says so': () =>
    listening(
      createHttp((_request, response) => {
        response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n');
      }),
      {},
    ),
  'connection closed in the TLS handshake': () =>
    listening(
      raw((socket) => socket.once('data', () => socket.destroy())),
      { url: https },
    ),
  refused: () => nowhere('http://127.0.0.1:1'),
  'no such host name': () => nowhere('http://nobody.invalid'),
  reset: () =>
    listening(
      raw((socket) => socket.once('data', () => socket.resetAndDestroy())),
      {},
    ),
  'no HTTP': () =>
    listening(
      raw((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')),
      {},
    ),
  'a proxy that is down, plain': () => nowhere('http://vendor.test', { proxy: 'http://127.0.0.1:1' }),
  'a proxy that is down, TLS': () => nowhere('https://vendor.test', { proxy: 'http://127.0.0.1:1' }),
  'a proxy without a name': () => nowhere('https://vendor.test', { proxy: 'http://nobody.invalid:3128' }),
  'a proxy that wants a password, plain': () =>
    listening(proxyAnswering('407 Nope'), {
      url: () => 'http://vendor.test',
      proxy: 'http://127.0.0.1:PORT',
    }),
  'a proxy that wants a password, TLS': () =>
    listening(proxyAnswering('407 Nope'), { url: behindProxy, proxy: 'http://127.0.0.1:PORT' }),
  'a proxy that refuses the password': () =>
    listening(proxyAnswering('407 Nope'), {
      url: behindProxy,
      proxy: 'http://us:secret-of-proxy@127.0.0.1:PORT',
    }),
  'a proxy that forbids': () =>
    listening(proxyAnswering('403 Forbidden'), { url: behindProxy, proxy: 'http://127.0.0.1:PORT' }),
  'a proxy that cannot connect': () =>
    listening(proxyAnswering('502 Bad Gateway'), { url: behindProxy, proxy: 'http://127.0.0.1:PORT' }),
  'a proxy that closes': () =>
    listening(
      raw((socket) => socket.once('data', () => socket.destroy())),
      { url: behindProxy, proxy: 'http://127.0.0.1:PORT' },
    ),
  'TLS to a proxy that speaks none': () =>
    listening(proxyAnswering('200 OK'), { url: behindProxy, proxy: 'https://127.0.0.1:PORT' }),
  'timed out in the TLS handshake': () =>
    listening(
      raw(() => undefined),
      { url: https, timeout: 150 },
    ),
  'timed out while connecting through a proxy': () =>
    listening(
      raw(() => undefined),
      { url: behindProxy, proxy: 'http://127.0.0.1:PORT', timeout: 150 },
    ),
  'timed out before the answer': () =>
    listening(
      raw(() => undefined),
      { timeout: 150 },
    ),
  'timed out while reading': () =>
    listening(
      raw((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[')),
      { timeout: 150 },
    ),
  'a file that is not there': () => nowhere('https://127.0.0.1:1', { tls: { ca_file: '/no/such/ca.pem' } }),
};

/** Lets the request come as far as it can, and then time pass until it ends. */
async function letTimePass(clock: DrivenClock, work: Promise<unknown>, timeout: number): Promise<void> {
  await systemClock.sleep(timeout);
  await drive(clock, work);
}

/** What a source and a destination say of a situation. */
async function wordsOf(situation: Situation): Promise<Record<'source' | 'destination', string>> {
  const { url, tls = {}, proxy, timeout = 10_000 } = situation;
  const env = proxy === undefined ? {} : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  const { http, clock } = await rig(url, { env, options: { tls, retries: 0, timeout } });
  const asked = failure(http.get({ path: '/x', route: 'x' }));
  const late = situation.timeout && letTimePass(clock, asked, timeout);
  const { message, cause } = await asked;
  await late;
  await http[Symbol.asyncDispose]();
  expect(cause).toBeUndefined();

  await using sender = new Sender({
    destination: destination(url, { tls, timeout }),
    clock: systemClock,
    proxyEnv: env,
  });
  const seen = await sender.send(new Uint8Array());
  const said = 'error' in seen ? seen.error.message : `HTTP ${seen.status}, whole: ${seen.complete}`;
  return { source: message, destination: said };
}

/** Without the ports, which differ from run to run. */
function shown(text: string): string {
  return text.replaceAll(/127\.0\.0\.1:(?!1\b)\d+/g, '127.0.0.1:PORT');
}

/** Codes of Node, undici, OpenSSL and llhttp, and what they advise. */
const INTERNALS =
  /\bE[A-Z]{4,}|[A-Z]{3,}_[A-Z]|\bHPE|SSL routines|ssl3_|error:0|use-system-ca|NODE_|Node\.js|getaddrinfo|undici|socket hang up|altname/;

test('each network failure is explained in the same words for sources and destinations', async () => {
  const said: string[] = [];
  for (const [name, arrange] of Object.entries(SITUATIONS)) {
    await using situation = await arrange();
    const { source, destination: receiver } = await wordsOf(situation);
    said.push(`${name}\n  source: ${shown(source)}\n  destination: ${shown(receiver)}\n`);
    for (const text of [source, receiver]) {
      expect(text.replaceAll(/HTTPS?_PROXY|NO_PROXY/g, ''), name).not.toMatch(INTERNALS);
      expect(text).not.toContain('secret-of-proxy');
    }
  }

  await expect(said.join('\n')).toMatchFileSnapshot('golden/network-errors.txt');
});

test('a server that requires a client certificate is recognised, also in TLS 1.3', async () => {
  await using situation = await secure('localhost', { ca_file }, wantsClient);

  const { source, destination: receiver } = await wordsOf(situation);

  expect(source).toMatch(/requires a client certificate.*tls\.cert_file/);
  expect(receiver).toMatch(/requires a client certificate.*tls\.cert_file/);
});

test('a proxy of the option `proxy` is named by that option', async () => {
  const options = { proxy: new Secret('http://127.0.0.1:1'), retries: 0 };
  await using http = (await rig('https://vendor.test', { options })).http;

  const { message } = await failure(http.get({ path: '/x', route: 'x' }));

  expect(message).toContain('the proxy 127.0.0.1:1 (`proxy`) is unreachable');
});
