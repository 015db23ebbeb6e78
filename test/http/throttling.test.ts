import { describe, expect, test } from 'vitest';
import { OutOfBudgetError, ThrottledError, TimedOutError, UnauthorisedError } from '../../src/core/errors.ts';
import { serve } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { drive, failure, rig, until } from './support/rig.ts';

const ok = () => ({ status: 200, body: [] });
const START = Date.parse('2026-03-02T12:00:00Z');

async function throttling(...script: { status: number; headers?: Record<string, string>; body?: unknown }[]) {
  const clock = new DrivenClock();
  const server = await serve(ok, { clock });
  server.script.push(...script);
  const seconds = () => server.requests.map(({ at }) => (at - START) / 1000);
  return { clock, server, seconds };
}

async function hanging() {
  const clock = new DrivenClock();
  const server = await serve(() => ({ status: 200, fault: 'hang' as const }), { clock });
  return { clock, server };
}

describe('429', () => {
  test.each([
    ['retry-after', '30', 30],
    ['Retry-After-public-api', '45', 45],
    ['retry-after', 'Mon, 02 Mar 2026 12:02:00 GMT', 120],
    ['x-ratelimit-reset', String(START / 1000 + 20), 20],
    ['server', 'x', 5],
  ])('429 with %s: %s waits %s', async (name, value, wait) => {
    const { clock, server, seconds } = await throttling({ status: 429, headers: { [name]: value } });
    await using http = (await rig(server.url, { clock })).http;

    await drive(clock, http.get({ path: '/x', route: 'x' }));

    expect(seconds()).toEqual([0, wait]);
    await server[Symbol.asyncDispose]();
  });

  test('429 without a time waits longer each time, up to a minute', async () => {
    const { clock, server, seconds } = await throttling(
      ...Array.from({ length: 6 }, () => ({ status: 429 })),
    );
    await using http = (await rig(server.url, { clock, options: { retries: 6 } })).http;

    await drive(clock, http.get({ path: '/x', route: 'x' }));

    expect(seconds()).toEqual([0, 5, 15, 35, 75, 135, 195]);
    await server[Symbol.asyncDispose]();
  });

  test('429 after all retries ends the poll and pauses the quota durably', async () => {
    const { clock, server } = await throttling({ status: 429, headers: { 'retry-after': '60' } });
    const { http, reports } = await rig(server.url, { clock, options: { retries: 0 } });

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(ThrottledError);
    expect((error as ThrottledError).until).toBe(START + 60_000);
    expect(reports).toEqual([{ route: 'x', retry: false, status: 429, throttledUntil: START + 60_000 }]);
    expect(await http.available('x')).toBe(0);
    expect(await http.available('y')).toBe(Infinity);
    await http[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test('429 does not pause other routes', async () => {
    const { clock, server } = await throttling({ status: 429, headers: { 'retry-after': '60' } });
    await using http = (await rig(server.url, { clock })).http;

    const paused = http.get({ path: '/x', route: 'x' });
    await until(() => clock.next === START + 60_000);
    await http.get({ path: '/y', route: 'y' });

    expect(server.requests.map(({ path }) => path)).toEqual(['/x', '/y']);
    expect(clock.now()).toBe(START);
    await drive(clock, paused);
    await server[Symbol.asyncDispose]();
  });

  test('429 that lasts beyond the deadline is deferred, not a failure', async () => {
    const { clock, server } = await throttling({ status: 429, headers: { 'retry-after': '60' } });
    const { http, stop } = await rig(server.url, { clock });

    const cut = failure(http.get({ path: '/x', route: 'x' }));
    await until(() => clock.next === START + 60_000);
    stop.abort(new Error('deadline'));

    expect(await cut).toBeInstanceOf(OutOfBudgetError);
    await http[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
});

describe('403', () => {
  test.each([{ 'retry-after-public-api': '9' }, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' }])(
    'with %j is throttling',
    async (headers) => {
      const { clock, server, seconds } = await throttling({ status: 403, headers });
      await using http = (await rig(server.url, { clock })).http;

      await drive(clock, http.get({ path: '/x', route: 'x' }));

      expect(seconds()).toEqual([0, 9]);
      await server[Symbol.asyncDispose]();
    },
  );

  test('403 with requests remaining is a rejected credential', async () => {
    const { clock, server } = await throttling({ status: 403, headers: { 'x-ratelimit-remaining': '8' } });
    await using http = (await rig(server.url, { clock })).http;

    const error = await failure(http.get({ path: '/x', route: 'x' }));

    expect(error).toBeInstanceOf(UnauthorisedError);
    await server[Symbol.asyncDispose]();
  });
});

test('503 waits as its retry-after says', async () => {
  const { clock, server, seconds } = await throttling({ status: 503, headers: { 'retry-after': '77' } });
  await using http = (await rig(server.url, { clock })).http;

  await drive(clock, http.get({ path: '/x', route: 'x' }));

  expect(seconds()).toEqual([0, 77]);
  await server[Symbol.asyncDispose]();
});

test('the next request waits when a response says that nothing remains', async () => {
  const headers = { 'x-ratelimit-remaining-public-api': '0', 'x-ratelimit-reset-public-api': '25' };
  const { clock, server, seconds } = await throttling({ status: 200, headers, body: [] });
  await using http = (await rig(server.url, { clock })).http;

  await drive(clock, http.get({ path: '/x', route: 'x' }));
  await drive(clock, http.get({ path: '/x', route: 'x' }));

  expect(seconds()).toEqual([0, 25]);
  await server[Symbol.asyncDispose]();
});

describe('time-outs', () => {
  test('time-outs are retried', async () => {
    const { clock, server } = await hanging();
    const { http, reports } = await rig(server.url, { clock, options: { timeout: 10_000, retries: 1 } });

    const late = failure(http.get({ path: '/x', route: 'x' }));
    await until(() => server.requests.length === 1);
    await clock.advance(10_000);
    await until(() => clock.next === START + 11_000);
    await clock.advance(1_000);
    await until(() => server.requests.length === 2);
    await clock.advance(10_000);

    expect(await late).toBeInstanceOf(TimedOutError);
    expect(reports.map(({ status }) => status)).toEqual(['timed-out', 'timed-out']);
    await http[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test('time-outs, also of a gateway, are not retried if the caller asks for less instead', async () => {
    const { clock, server } = await hanging();
    server.script.push({ status: 504 });
    const { http } = await rig(server.url, { clock, options: { timeout: 10_000 } });
    const request = { path: '/x', route: 'x', retryTimeouts: false };

    const gateway = await failure(http.get(request));
    const late = failure(http.get(request));
    await until(() => server.requests.length === 2);
    await clock.advance(10_000);

    expect(gateway).toBeInstanceOf(TimedOutError);
    expect(await late).toBeInstanceOf(TimedOutError);
    await http[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  test('an abort during a request keeps its own reason', async () => {
    const { clock, server } = await hanging();
    const { http, stop } = await rig(server.url, { clock });

    const cut = failure(http.get({ path: '/x', route: 'x' }));
    await until(() => server.requests.length === 1);
    stop.abort(new Error('stop'));

    expect((await cut).message).toBe('stop');
    await http[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
});
