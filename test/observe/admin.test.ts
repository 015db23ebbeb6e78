import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { AdminServer, type AdminResponse } from '../../src/observe/admin.ts';

const lines: string[] = [];
const log = pino({ base: null }, { write: (line) => void lines.push(line) });
let server: AdminServer;
let url: string;

const routes = new Map<string, () => Promise<AdminResponse>>([
  ['/readyz', async () => ({ status: 503, type: 'application/json', body: '{"status":"not ready"}\n' })],
  ['/broken', async () => Promise.reject(new Error('the journal is gone'))],
  ['/never', () => new Promise<never>(() => {})],
]);

beforeEach(async () => {
  server = await AdminServer.listen({ listen: '127.0.0.1:0', routes, log });
  url = `http://127.0.0.1:${server.port}`;
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

/** Sends text unchanged, and returns everything that comes back. */
async function raw(request: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(request);
  return text(socket);
}

/** However it ends. */
function ended(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => undefined).on('close', () => resolve());
  socket.resume();
  return promise;
}

it('an answer is the route’s own, whatever the query, and never cached', async () => {
  const answer = await fetch(`${url}/readyz?verbose`);

  expect(answer.status).toBe(503);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(await answer.json()).toEqual({ status: 'not ready' });
});

it('an answer has no body for HEAD', async () => {
  const answer = await fetch(`${url}/readyz`, { method: 'HEAD' });

  expect(answer.status).toBe(503);
  expect(await answer.text()).toBe('');
});

it.each(['/readyz/', '/unknown', '//readyz', '/..%2freadyz'])('an answer is 404 for %s', async (path) => {
  expect((await fetch(url + path)).status).toBe(404);
});

it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('an answer is 405 for %s', async (method) => {
  const answer = await fetch(`${url}/readyz`, { method });

  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('GET, HEAD');
});

it('an answer is 431 for headers over 16 KiB', async () => {
  const answer = await raw(`GET /readyz HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`);

  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
});

it('an answer is 400 for a request that is not HTTP', async () => {
  expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

it('an answer is 500 when a route fails, and the log says why', async () => {
  const answer = await fetch(`${url}/broken`);

  expect(answer.status).toBe(500);
  expect(lines.join('')).toContain('the journal is gone');
});

it('shutting down does not wait for clients that hang', async () => {
  const silent = connect(server.port, '127.0.0.1');
  await once(silent, 'connect');
  const half = connect(server.port, '127.0.0.1');
  await once(half, 'connect');
  half.write('GET /readyz HTTP/1.1\r\n');
  const waiting = fetch(`${url}/never`).catch(() => 'ended');
  const closed = Promise.all([ended(silent), ended(half)]);

  await server[Symbol.asyncDispose]();

  await closed;
  expect(await waiting).toBe('ended');
  server = await AdminServer.listen({ listen: '127.0.0.1:0', routes, log });
});

it('an address in use is an error that says what to do', async () => {
  const second = AdminServer.listen({ listen: `127.0.0.1:${server.port}`, routes, log });

  await expect(second).rejects.toThrow(ConfigError);
  await expect(second).rejects.toThrow(
    `admin.listen 127.0.0.1:${server.port}: another process already uses this port, perhaps another Penstock. Choose another address, or stop the process that uses it.`,
  );
});

it('an address that this host does not have is an error', async () => {
  const other = AdminServer.listen({ listen: '192.0.2.1:0', routes, log });

  await expect(other).rejects.toThrow('this host has no such address');
});

it('an address without a host listens on every address', async () => {
  await using everywhere = await AdminServer.listen({ listen: ':0', routes, log });

  expect((await fetch(`http://127.0.0.1:${everywhere.port}/readyz`)).status).toBe(503);
});
