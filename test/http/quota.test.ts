import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { OutOfBudgetError } from '../../src/core/errors.ts';
import { quotaName, QuotaSpender, COURTESY } from '../../src/http/quota.ts';
import { LeaseLostError } from '../../src/journal/journal.ts';
import { serve } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { openAt, sharedJournal, stateFolder } from './support/journal.ts';
import { drive, failure, readableLog, rig, TOKEN, until } from './support/rig.ts';

const MINUTE = 60_000;
/** A window, and the margin for what is held up on its way. */
const WINDOW = MINUTE + 500;
const START = Date.parse('2026-03-02T12:00:00Z');
const QUOTA = { route: 'x', requests: 2, per: MINUTE };
const ok = () => ({ status: 200, body: [] });

async function waiting() {
  const clock = new DrivenClock();
  const journal = await sharedJournal(clock);
  const quota = { name: randomUUID(), route: 'x', limit: { requests: 1, per: MINUTE } };
  return {
    clock,
    journal,
    quota,
    spender: new QuotaSpender({ quotas: journal.quotas, clock }),
    ...readableLog(),
  };
}

describe('requests', () => {
  test('requests wait for their quota across a restart', async () => {
    const clock = new DrivenClock();
    const state = await stateFolder();
    await using server = await serve(ok, { clock });
    const before = await openAt(state, clock);
    await using first = (await rig(server.url, { clock, quotas: [QUOTA], journal: before })).http;
    await first.get({ path: '/1', route: 'x' });
    await first.get({ path: '/2', route: 'x' });
    await before[Symbol.asyncDispose]();

    await using after = await openAt(state, clock);
    const second = await rig(server.url, { clock, quotas: [QUOTA], journal: after });
    await clock.advance(10_000);
    await drive(clock, second.http.get({ path: '/3', route: 'x' }));

    expect(server.requests.map(({ at }) => at - START)).toEqual([0, 0, WINDOW]);
    expect(second.lines).toHaveLength(1);
    expect(second.lines[0]).toMatchObject({
      msg: 'Request is waiting for its quota.',
      event: { reason: 'x', end: '2026-03-02T12:01:00.500Z' },
    });
    await second.http[Symbol.asyncDispose]();
  });

  test('a request is not sent when the lease was lost while it waited for its quota, and is not tried again', async () => {
    const clock = new DrivenClock();
    await using server = await serve(ok, { clock });
    const lost = new LeaseLostError({ kind: 'source', name: 'console' }, 'another replica took it');
    let checks = 0;
    const requireValid = () => {
      checks += 1;
      if (clock.now() > START) throw lost;
    };
    const quotas = [{ ...QUOTA, requests: 1 }];
    const { http, reports } = await rig(server.url, { clock, quotas, requireValid });
    await using client = http;
    await client.get({ path: '/1', route: 'x' });

    await expect(drive(clock, client.get({ path: '/2', route: 'x' }))).rejects.toBe(lost);

    expect(server.requests.map(({ path }) => path)).toEqual(['/1']);
    expect(checks).toBe(2);
    expect([client.requests, reports.length]).toEqual([1, 1]);
  });

  test('a route with a limit a minute and one an hour keeps both', async () => {
    const clock = new DrivenClock();
    await using server = await serve(ok, { clock });
    const quotas = [QUOTA, { route: 'x', requests: 3, per: 10 * MINUTE }];
    await using http = (await rig(server.url, { clock, quotas })).http;

    await drive(
      clock,
      (async () => {
        for (let n = 0; n < 4; n += 1) await http.get({ path: `/${n}`, route: 'x' });
      })(),
    );

    expect(server.requests.map(({ at }) => at - START)).toEqual([0, 0, WINDOW, 10 * MINUTE + 500]);
    expect(http.capacity('x')).toBe(2);
    expect(await http.available('x')).toBe(1);
  });

  test('every try and every redirect is spent before it is sent', async () => {
    const clock = new DrivenClock();
    const left: number[] = [];
    const script = [{ status: 500 }, { status: 302, headers: { location: '/y' } }, { status: 200, body: [] }];
    await using server = await serve(
      async () => {
        left.push(await http.available('x'));
        return script.shift() ?? { status: 404 };
      },
      { clock },
    );
    const { http } = await rig(server.url, { clock, quotas: [{ ...QUOTA, requests: 9 }] });

    await drive(clock, http.get({ path: '/x', route: 'x' }));

    expect(left).toEqual([8, 7, 6]);
    expect(http.requests).toBe(3);
    await http[Symbol.asyncDispose]();
  });

  test('two sources with one credential share a quota, first come, first served', async () => {
    const clock = new DrivenClock();
    const spender = new QuotaSpender({ quotas: (await sharedJournal(clock)).quotas, clock });
    await using server = await serve(ok, { clock });
    const quotas = [{ ...QUOTA, requests: 1 }];
    await using one = (await rig(server.url, { clock, spender, quotas })).http;
    await using two = (await rig(server.url, { clock, spender, quotas })).http;

    const all = Promise.all([
      one.get({ path: '/a', route: 'x' }),
      two.get({ path: '/b', route: 'x' }),
      one.get({ path: '/c', route: 'x' }),
      two.get({ path: '/d', route: 'x' }),
    ]);
    await drive(clock, all);

    const asked = server.requests.map(({ path, at }) => `${path} ${(at - START) / WINDOW}`);
    expect(asked).toEqual(['/a 0', '/b 1', '/c 2', '/d 3']);
  });

  test('the operator’s quota replaces that of the main route only', async () => {
    const quotas = [QUOTA, { route: 'tenants', requests: 10, per: MINUTE }];
    const { http } = await rig('http://127.0.0.1:1', {
      quotas,
      options: { quota: { requests: 7, per: MINUTE } },
    });

    expect(await http.available('x')).toBe(7);
    expect(await http.available('tenants')).toBe(10);
    expect(await http.available('other')).toBe(Infinity);
  });

  test('all requests count against the operator’s quota if the vendor documents none', async () => {
    const clock = new DrivenClock();
    await using server = await serve(ok, { clock });
    await using http = (await rig(server.url, { clock, options: { quota: { requests: 3, per: MINUTE } } }))
      .http;

    await http.get({ path: '/a', route: 'a' });
    await http.get({ path: '/b', route: 'b' });

    expect(await http.available('a')).toBe(1);
    expect(await http.available('c')).toBe(1);
  });
});

describe('waiting requests', () => {
  test('a daemon lets a command of another process go first, however long it has waited', async () => {
    const { clock, journal, quota, log } = await waiting();
    const loop = new QuotaSpender({ quotas: journal.quotas, clock, courtesy: COURTESY });
    const command = new QuotaSpender({ quotas: journal.quotas, clock });
    const { signal } = new AbortController();
    const order: string[] = [];
    await loop.acquire(quota, { signal, log });

    const first = loop.acquire(quota, { signal, log }).then(() => order.push('loop'));
    await clock.advance(MINUTE / 2);
    const second = command.acquire(quota, { signal, log }).then(() => order.push('command'));
    await clock.advance(3 * WINDOW);
    await Promise.all([first, second]);

    expect(order).toEqual(['command', 'loop']);
  });

  test('a request that is aborted while it waits is out of quota and does not block those behind it', async () => {
    const { clock, quota, spender, log } = await waiting();
    const [stop, other] = [new AbortController(), new AbortController()];
    await spender.acquire(quota, { signal: other.signal, log });

    const head = spender.acquire(quota, { signal: other.signal, log });
    const stopped = failure(spender.acquire(quota, { signal: stop.signal, log }));
    const last = spender.acquire(quota, { signal: other.signal, log });
    stop.abort();

    expect(await stopped).toBeInstanceOf(OutOfBudgetError);
    await drive(clock, Promise.all([head, last]));
    expect(clock.now() - START).toBe(2 * WINDOW);
  });

  test('a request after the stop is out of quota only if its quota is exhausted', async () => {
    const { quota, spender, log } = await waiting();
    const stop = new AbortController();
    stop.abort(new Error('deadline'));

    const cut = await failure(spender.acquire(quota, { signal: stop.signal, log }));
    await spender.acquire(quota, { signal: new AbortController().signal, log });
    const exhausted = await failure(spender.acquire(quota, { signal: stop.signal, log }));

    expect(cut.message).toBe('deadline');
    expect(exhausted).toBeInstanceOf(OutOfBudgetError);
  });

  test('a request does not wait for a pause that is too long to be right', async () => {
    const { clock, quota, spender, journal, log, lines } = await waiting();
    await journal.quotas.pause(quota.name, START + 400 * 86_400_000);

    await drive(clock, spender.acquire(quota, { signal: new AbortController().signal, log }));

    expect(clock.now()).toBe(START);
    expect(lines[0]).toMatchObject({ level: 40 });
  });

  test('a request that joins a queue reports until when it waits', async () => {
    const { clock, journal, quota, spender, log } = await waiting();
    const signal = new AbortController().signal;
    await journal.quotas.pause(quota.name, START + MINUTE);
    const heard: (number | undefined)[] = [];

    const first = spender.acquire(quota, { signal, log, onWait: () => undefined });
    await clock.advance(10_000);
    const second = spender.acquire(quota, { signal, log, onWait: (until) => heard.push(until) });
    await clock.advance(0);

    expect(heard).toEqual([START + MINUTE]);
    await drive(clock, Promise.all([first, second]));
  });

  test('a request without a limit still waits for a pause', async () => {
    const { clock, quota, spender, log } = await waiting();
    const unlimited = { ...quota, limit: undefined };
    await spender.pause(unlimited, START + 5_000);

    const granted = spender.acquire(unlimited, { signal: new AbortController().signal, log });
    await until(() => clock.next === START + 5_000);
    await drive(clock, granted);

    expect(clock.now() - START).toBe(5_000);
  });
});

test('the name of a quota differs by credential and holds none', () => {
  const name = quotaName('https://v.example', { SEC: TOKEN }, 'x');

  expect(name).toBe(quotaName('https://v.example', { sec: TOKEN }, 'x'));
  expect(name).not.toBe(quotaName('https://v.example', { sec: `${TOKEN}2` }, 'x'));
  expect(name).not.toBe(quotaName('https://v.example', { sec: TOKEN }, 'y'));
  expect(name).toMatch(/^https:\/\/v\.example\|[0-9a-f]{12}\|x$/);
});
