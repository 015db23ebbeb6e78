import { afterEach, describe, expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { BROKEN } from '../../src/simulators/qradar-list.ts';
import { type ConsoleOptions, type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const clock = new DrivenClock('2026-03-02T12:00:00Z');
const ATTEMPTS = '/api/access/login_attempts';
const USERS = '/api/config/access/users';
let console: SimulatedConsole;

afterEach(() => console[Symbol.asyncDispose]());

async function start(options: Partial<ConsoleOptions> = {}): Promise<void> {
  console = await startConsole({ clock, token: 'admin-token', ...options });
}

interface Asked {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

async function ask(
  path: string,
  query: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<Asked> {
  const sent = new Headers({ sec: 'admin-token', ...headers });
  if (sent.get('sec') === '') sent.delete('sec');
  const response = await fetch(`${console.url}${path}?${new URLSearchParams(query).toString()}`, {
    headers: sent,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function rows(
  query: Readonly<Record<string, string>> = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<LoginAttempt[]> {
  return (await ask(ATTEMPTS, query, headers)).body as LoginAttempt[];
}

function attempt(attempt_time: number, more: Partial<LoginAttempt> = {}): LoginAttempt {
  return {
    attempt_time,
    user_id: 1,
    remote_ip: '192.0.2.1',
    attempt_result: 'SUCCESS',
    attempt_method: 'LOGIN_PAGE',
    ...more,
  };
}

const five = [1, 2, 3, 4, 5].map((time) => attempt(time, { user_id: time % 2 }));
const times = (found: readonly LoginAttempt[]) => found.map((row) => row.attempt_time);

describe('Login attempts of the console simulator', () => {
  it('attempts come newest first, with the documented fields, dated by the clock', async () => {
    await start({ rows: five });

    const { status, headers, body } = await ask(ATTEMPTS);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(headers.get('date')).toBe('Mon, 02 Mar 2026 12:00:00 GMT');
    expect(headers.get('content-range')).toBeNull();
    expect(body).toEqual(five.toReversed());
  });

  it('attempts are filtered by a half-open span and sorted as requested', async () => {
    await start({ rows: five });

    const filter = 'attempt_time >= 2 and attempt_time < 5';

    expect(times(await rows({ filter, sort: '+attempt_time' }))).toEqual([2, 3, 4]);
    expect(times(await rows({ filter, sort: '-attempt_time' }))).toEqual([4, 3, 2]);
    expect(times(await rows({ filter: 'user_id = 1', sort: '+attempt_time' }))).toEqual([1, 3, 5]);
    expect(times(await rows({ sort: '-user_id,+attempt_time' }))).toEqual([1, 3, 5, 2, 4]);
    expect(times(await rows({ filter: 'attempt_time >= 5 and attempt_time < 2' }))).toEqual([]);
  });

  it('attempts contain only the requested fields', async () => {
    await start({ rows: [attempt(1)] });

    expect(await rows({ fields: 'remote_ip, attempt_time' })).toEqual([
      { attempt_time: 1, remote_ip: '192.0.2.1' },
    ]);
  });

  it('the list keeps equal rows, late rows, and digits beyond 2^53', async () => {
    await start({ rows: five });
    console.add([attempt(3, { user_id: 1 }), attempt(3, { user_id: 1 })]);
    console.add([attempt(9, { user_id: 9007199254740993n })]);

    expect(times(await rows({ sort: '+attempt_time' }))).toEqual([1, 2, 3, 3, 3, 4, 5, 9]);
    const response = await fetch(`${console.url}${ATTEMPTS}`, {
      headers: { sec: 'admin-token', range: 'items=0-0' },
    });
    expect(await response.text()).toContain('"user_id":9007199254740993');
    expect(console.rows).toHaveLength(8);
  });

  it('the list shows a raw record unchanged, at the place of its time', async () => {
    await start({ rows: [attempt(1), attempt(3)] });
    console.addRaw(2, 'no object');

    expect(await rows({ sort: '+attempt_time', fields: 'attempt_time' })).toEqual([
      { attempt_time: 1 },
      'no object',
      { attempt_time: 3 },
    ]);
  });

  it('attempts appear in the answer to the same request whose hook added them', async () => {
    await start({ rows: five });
    console.onRequest = () => {
      console.add([attempt(100 + console.requests.length)]);
      return undefined;
    };

    expect(times(await rows({ filter: 'attempt_time > 5' }))).toEqual([101]);
    expect(times(await rows({ filter: 'attempt_time > 5' }))).toEqual([102, 101]);
  });
});

describe('The Range header', () => {
  it.each([
    ['items=0-1', [1, 2], 'items 0-1/5'],
    ['items=3-99', [4, 5], 'items 3-4/5'],
    ['items= 0-4', [1, 2, 3, 4, 5], 'items 0-4/5'],
    ['items=5-9', [], 'items */5'],
  ])('%s', async (range, expected, contentRange) => {
    await start({ rows: five });

    const { status, headers, body } = await ask(ATTEMPTS, { sort: '+attempt_time' }, { range });

    expect(status).toBe(200);
    expect(times(body as LoginAttempt[])).toEqual(expected);
    expect(headers.get('content-range')).toBe(contentRange);
  });

  it.each([
    ['items=3-1', 'is negative'],
    ['items=-3-2', 'must follow this pattern: items=x-y'],
    ['bytes=0-1', 'must follow this pattern: items=x-y'],
  ])('Range %s is rejected', async (range, words) => {
    await start({ rows: five });

    const { status, body } = await ask(ATTEMPTS, {}, { range });

    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 36, message: expect.stringContaining(words) as string });
  });

  it('Range pages newest first without loss', async () => {
    await start({ rows: five });

    const pages = [];
    for (const range of ['items=0-1', 'items=2-3', 'items=4-5']) {
      pages.push(times(await rows({ filter: 'attempt_time < 99' }, { range })));
    }

    expect(pages).toEqual([[5, 4], [3, 2], [1]]);
  });

  it('the answer to a Range can be capped, and its Content-Range left out or wrong', async () => {
    await start({
      rows: five,
      maxPage: 2,
      contentRange: ({ first, last }) => (first === 0 ? `items ${first}-${last}/${last}` : undefined),
    });

    const first = await ask(ATTEMPTS, {}, { range: 'items=0-4' });
    const second = await ask(ATTEMPTS, {}, { range: 'items=2-4' });

    expect([first.body, second.body]).toEqual([five.slice(3).toReversed(), five.slice(1, 3).toReversed()]);
    expect(first.headers.get('content-range')).toBe('items 0-1/1');
    expect(second.headers.get('content-range')).toBeNull();
  });
});

describe('Rejections of the console simulator', () => {
  it.each([
    [{ filter: 'attempt_time >= yesterday' }, 1010],
    [{ filter: 'colour = "red"' }, 1010],
    [{ sort: 'attempt_time' }, 1030],
    [{ sort: ' attempt_time' }, 1030],
    [{ sort: '+colour' }, 1030],
    [{ fields: 'attempt_time,colour' }, 30],
  ])('%j is answered 422/%i in the documented shape', async (query, code) => {
    await start({ rows: five });

    const { status, body } = await ask(ATTEMPTS, query);

    expect(status).toBe(422);
    expect(body).toEqual({
      message: expect.any(String) as string,
      details: {},
      description: '',
      code,
      http_response: { message: expect.any(String) as string, code: 422 },
    });
  });

  it('every sort is rejected when configured', async () => {
    await start({ rows: five, refuseSort: true });

    expect(await ask(ATTEMPTS, { sort: '+attempt_time' })).toMatchObject({
      status: 422,
      body: { code: 1030 },
    });
    expect(times(await rows())).toEqual([5, 4, 3, 2, 1]);
  });

  it('a 500/1020 can be scripted as documented', async () => {
    await start({ rows: five });
    console.script.push(BROKEN);

    expect(await ask(ATTEMPTS)).toMatchObject({ status: 500, body: { code: 1020 } });
    expect((await ask(ATTEMPTS)).status).toBe(200);
  });

  it('404 and 405 are answered in the same shape', async () => {
    await start();

    const posted = await fetch(console.url + ATTEMPTS, { method: 'POST', headers: { sec: 'admin-token' } });

    expect(await ask('/api/nothing')).toMatchObject({ status: 404, body: { code: 1002 } });
    expect(posted.status).toBe(405);
  });
});

describe('Rights of the console simulator', () => {
  it.each([{ sec: '' }, { sec: 'wrong' }, { sec: '', authorization: 'Basic eDp5' }])(
    '%j is answered 401/18',
    async (headers) => {
      await start({ username: 'admin', password: 'secret' });

      expect(await ask(ATTEMPTS, {}, headers)).toMatchObject({ status: 401, body: { code: 18 } });
    },
  );

  it('a token without rights is answered 403/26', async () => {
    await start({ tokens: { weak: 'forbidden' } });

    expect(await ask(ATTEMPTS, {}, { sec: 'weak' })).toMatchObject({ status: 403, body: { code: 26 } });
  });

  it('a caller without ADMIN sees only its own rows and its own user, with a 200', async () => {
    await start({ rows: five, tokens: { own: { userId: 1 } } });
    const as = { sec: 'own', range: 'items=0-1' };

    const own = await ask(ATTEMPTS, { filter: 'attempt_time > 1', sort: '+attempt_time' }, as);
    const users = await ask(USERS, {}, { sec: 'own' });

    expect(own.status).toBe(200);
    expect(times(own.body as LoginAttempt[])).toEqual([3, 5]);
    expect(own.headers.get('content-range')).toBe('items 0-1/2');
    expect(users.body).toEqual([expect.objectContaining({ id: 1 })]);
  });

  it('tokens can be removed and added', async () => {
    await start();
    console.tokens.delete('admin-token');
    console.tokens.set('fresh', 'admin');

    expect((await ask(ATTEMPTS)).status).toBe(401);
    expect((await ask(ATTEMPTS, {}, { sec: 'fresh' })).status).toBe(200);
  });

  it('HTTP Basic against the API is recorded as a login attempt, a rejected one too', async () => {
    await start({ username: 'admin', password: 'secret' });

    const refused = await ask(ATTEMPTS, {}, { sec: '', authorization: `Basic ${btoa('admin:wrong')}` });
    const accepted = await ask(ATTEMPTS, {}, { sec: '', authorization: `Basic ${btoa('admin:secret')}` });

    const made = { attempt_time: clock.now(), user_id: 1, attempt_method: 'HTTP_BASIC' };
    expect(refused.status).toBe(401);
    expect(accepted.body).toMatchObject([
      { ...made, attempt_result: 'SUCCESS' },
      { ...made, attempt_result: 'FAILURE' },
    ]);
  });
});

describe('Users of the console simulator', () => {
  it('users are listed with Range, filter and fields', async () => {
    await start();

    const { headers, body } = await ask(
      USERS,
      { fields: 'id,username', filter: 'id >= 2' },
      { range: 'items=0-1' },
    );

    expect(body).toEqual([
      { id: 2, username: 'asha' },
      { id: 3, username: 'bruno' },
    ]);
    expect(headers.get('content-range')).toBe('items 0-1/11');
  });

  it.each([
    ['admin', 200, 403],
    ['nobody', 403, 403],
    ['own', 200, 200],
  ] as const)('for %s', async (usersFor, admin, other) => {
    await start({ usersFor, tokens: { own: { userId: 2 } } });

    expect((await ask(USERS)).status).toBe(admin);
    expect((await ask(USERS, {}, { sec: 'own' })).status).toBe(other);
  });
});

describe('Versions of the console simulator', () => {
  it.each([
    ['qradar', '27.0', 200, null],
    ['qradar', '24.0', 200, expect.stringContaining('24.0') as string],
    ['jsa', '17.0', 200, null],
  ] as const)('%s %s', async (vendor, version, status, deprecated) => {
    await start({ vendor });

    const answer = await ask(ATTEMPTS, {}, { version });

    expect(answer.status).toBe(status);
    expect(answer.headers.get('deprecated')).toEqual(deprecated);
  });

  it.each([
    ['qradar', '3.0', 'Version (3.0) from header parameter (Version) has been removed'],
    ['qradar', '322.0123', 'is not a valid version'],
    ['jsa', '27.0', 'is not a valid version'],
  ] as const)('%s rejects version %s', async (vendor, version, words) => {
    await start({ vendor });

    const { status, body } = await ask(ATTEMPTS, {}, { version });

    expect(status).toBe(422);
    expect(body).toMatchObject({ message: expect.stringContaining(words) as string });
  });

  it('versions are listed, and the console shows its release', async () => {
    await start({ vendor: 'jsa' });

    expect((await ask('/api/help/versions')).body).toContainEqual({
      id: 14,
      version: '14.0',
      deprecated: true,
      removed: false,
    });
    expect((await ask('/api/system/about')).body).toMatchObject({ external_version: '7.5.0' });
  });
});

describe('A large table of the console simulator', () => {
  it('a large table is read in pages, by filter and by offset, without loss while rows are added', async () => {
    const day = { from: clock.now() - 86_400_000, to: clock.now() };
    const all = loginAttempts({ random: seeded(11), count: 100_000, ...day });
    await start({ rows: all });
    const filter = `attempt_time >= ${day.from} and attempt_time < ${day.to}`;
    console.onRequest = () => {
      console.add([attempt(day.to + console.requests.length)]);
      return undefined;
    };

    const read: LoginAttempt[] = [];
    for (let page = await next(0); page.length > 0; page = await next(read.length)) read.push(...page);

    function next(offset: number): Promise<LoginAttempt[]> {
      return rows({ filter, sort: '+attempt_time' }, { range: `items=${offset}-${offset + 499}` });
    }
    expect(read).toEqual(all);
  });

  it('a large table fails as planned without losing rows', async () => {
    await start({
      rows: five,
      faults: { random: seeded(13), plan: { throttle: 0.3, unavailable: 0.3, reset: 0.2 } },
    });

    const seen = new Set<number>();
    for (let n = 0; n < 60; n += 1) {
      const response = await fetch(console.url + ATTEMPTS, { headers: { sec: 'admin-token' } }).catch(
        () => undefined,
      );
      seen.add(response?.status ?? 0);
      await response?.text();
    }

    expect(seen).toEqual(new Set([0, 200, 429, 503]));
    expect(console.rows).toEqual(five);
  });
});
