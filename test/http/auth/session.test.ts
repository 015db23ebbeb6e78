import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import type { TokenAnswer } from '../../../src/core/authentication.ts';
import { UnauthorisedError, UnexpectedAnswerError } from '../../../src/core/errors.ts';
import { Secret } from '../../../src/core/secret.ts';
import { session } from '../../../src/http/auth/session.ts';
import { serve, type SimulatedAnswer } from '../../../src/simulators/server.ts';
import { DrivenClock } from '../../support/driven-clock.ts';
import { failure, rig } from '../support/rig.ts';

const request = { path: '/v2/alerts', route: 'x' };
const password = new Secret('pass"word of nobody');

/** A vendor whose log-in gives sessions `session-1`, …; the last one given is valid. */
async function vendor(clock: DrivenClock, ...logIns: SimulatedAnswer[]) {
  let last = 0;
  const simulator = await serve(
    ({ path, headers }) => {
      if (path === '/api/auth') {
        last += 1;
        return logIns.shift() ?? { status: 200, body: { data: { token: `session-${last}-of-us` } } };
      }
      const valid = headers['x-session'] === `session-${last}-of-us`;
      return valid ? { status: 200, body: [1] } : { status: 401 };
    },
    { clock },
  );
  return Object.assign(simulator, { end: () => void (last += 1) });
}

const tokenIn = ({ body }: TokenAnswer) => (body as { data?: { token?: string } } | null)?.data?.token;

function loggedIn(expires?: number) {
  return session({
    request: () => ({
      url: '/auth',
      query: { realm: 'a b' },
      headers: { 'X-Client': 'penstock' },
      body: { json: { user: 'us', password: password.reveal() } },
    }),
    token: tokenIn,
    expires,
    headers: (value) => ({ 'X-Session': value }),
    identity: () => ({ password: password.reveal() }),
  });
}

test('a log-in gives a session for all requests until it expires', async () => {
  const clock = new DrivenClock();
  await using server = await vendor(clock);
  await using http = (await rig(`${server.url}/api`, { clock, authorise: () => loggedIn(1_500_000) })).http;

  await Promise.all([http.get(request), http.get(request)]);
  clock.jump(1_500_000 - 60_000 - 1);
  await http.get(request);
  clock.jump(1);
  await http.get(request);

  expect(server.requests.map(({ path }) => path)).toEqual([
    '/api/auth',
    ...Array(3).fill('/api/v2/alerts'),
    '/api/auth',
    '/api/v2/alerts',
  ]);
  const [logIn] = server.requests;
  expect(logIn).toMatchObject({
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-client': 'penstock' },
  });
  expect(String(logIn?.query)).toBe('realm=a+b');
  expect(JSON.parse(String(logIn?.body))).toEqual({ user: 'us', password: 'pass"word of nobody' });
});

test('a session that the vendor ended is opened anew, once', async () => {
  const clock = new DrivenClock();
  await using server = await vendor(clock);
  await using http = (await rig(`${server.url}/api`, { clock, authorise: () => loggedIn() })).http;

  await http.get(request);
  server.end();
  server.script.push(undefined);
  await http.get(request);

  expect(server.requests.filter(({ path }) => path === '/api/auth')).toHaveLength(2);
  expect(http.requests).toBe(3);
});

test('a wrong password is an error without a request, and is shown nowhere', async () => {
  const clock = new DrivenClock();
  const echo = JSON.stringify({ user: 'us', password: password.reveal() });
  await using server = await vendor(clock, { status: 403, body: { message: `Refused ${echo}` } });
  const { http, lines } = await rig(`${server.url}/api`, { clock, authorise: () => loggedIn() });

  const error = await failure(http.get(request));

  expect(error).toBeInstanceOf(UnauthorisedError);
  expect(error.message).toContain(`${server.url}/api/auth answered 403: Refused`);
  expect(inspect(error) + JSON.stringify(lines)).not.toContain('word of nobody');
  expect(server.requests).toHaveLength(1);
  await http[Symbol.asyncDispose]();
});

test.each([{ data: {} }, { data: { token: '' } }, null])(
  'an answer without a session is an error: %j',
  async (body) => {
    const clock = new DrivenClock();
    await using server = await vendor(clock, { status: 200, body });
    await using http = (await rig(`${server.url}/api`, { clock, authorise: () => loggedIn() })).http;

    const error = await failure(http.get(request));

    expect(error).toBeInstanceOf(UnexpectedAnswerError);
    expect(error.message).toContain('without a session');
    expect(server.requests).toHaveLength(1);
  },
);
