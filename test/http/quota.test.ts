import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { OutOfBudgetError } from '../../src/core/errors.ts';
import { budgetName, Budgets, COURTESY } from '../../src/http/quota.ts';
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
  const budget = { name: randomUUID(), route: 'x', quota: { requests: 1, per: MINUTE } };
  return {
    clock,
    journal,
    budget,
    budgets: new Budgets({ quotas: journal.quotas, clock }),
    ...readableLog(),
  };
}

describe('requests', () => {
  test('wait for the window to have room, across a restart', async () => {
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
      msg: 'Request waits for its budget.',
      event: { reason: 'x', end: '2026-03-02T12:01:00.500Z' },
    });
    await second.http[Symbol.asyncDispose]();
  });

  test('are spent before they are sent, every try and every redirect of them', async () => {
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

  test('of two sources with one credential share a budget, first come first served', async () => {
    const clock = new DrivenClock();
    const budgets = new Budgets({ quotas: (await sharedJournal(clock)).quotas, clock });
    await using server = await serve(ok, { clock });
    const quotas = [{ ...QUOTA, requests: 1 }];
    await using one = (await rig(server.url, { clock, budgets, quotas })).http;
    await using two = (await rig(server.url, { clock, budgets, quotas })).http;

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

  test('take the operator’s quota for the main route only', async () => {
    const quotas = [QUOTA, { route: 'tenants', requests: 10, per: MINUTE }];
    const { http } = await rig('http://127.0.0.1:1', {
      quotas,
      options: { quota: { requests: 7, per: MINUTE } },
    });

    expect(await http.available('x')).toBe(7);
    expect(await http.available('tenants')).toBe(10);
    expect(await http.available('other')).toBe(Infinity);
  });

  test('all count against the operator’s quota where the vendor documents none', async () => {
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

describe('a waiter', () => {
  test('in a loop lets a command of another process go first, however long it has waited', async () => {
    const { clock, journal, budget, log } = await waiting();
    const loop = new Budgets({ quotas: journal.quotas, clock, courtesy: COURTESY });
    const command = new Budgets({ quotas: journal.quotas, clock });
    const { signal } = new AbortController();
    const order: string[] = [];
    await loop.acquire(budget, { signal, log });

    const first = loop.acquire(budget, { signal, log }).then(() => order.push('loop'));
    await clock.advance(MINUTE / 2);
    const second = command.acquire(budget, { signal, log }).then(() => order.push('command'));
    await clock.advance(3 * WINDOW);
    await Promise.all([first, second]);

    expect(order).toEqual(['command', 'loop']);
  });

  test('that is stopped is out of budget, and does not hold up those behind it', async () => {
    const { clock, budget, budgets, log } = await waiting();
    const [stop, other] = [new AbortController(), new AbortController()];
    await budgets.acquire(budget, { signal: other.signal, log });

    const head = budgets.acquire(budget, { signal: other.signal, log });
    const stopped = failure(budgets.acquire(budget, { signal: stop.signal, log }));
    const last = budgets.acquire(budget, { signal: other.signal, log });
    stop.abort();

    expect(await stopped).toBeInstanceOf(OutOfBudgetError);
    await drive(clock, Promise.all([head, last]));
    expect(clock.now() - START).toBe(2 * WINDOW);
  });

  test('that comes after the stop is told whether its budget would have allowed it', async () => {
    const { budget, budgets, log } = await waiting();
    const stop = new AbortController();
    stop.abort(new Error('deadline'));

    const cut = await failure(budgets.acquire(budget, { signal: stop.signal, log }));
    await budgets.acquire(budget, { signal: new AbortController().signal, log });
    const owed = await failure(budgets.acquire(budget, { signal: stop.signal, log }));

    expect(cut.message).toBe('deadline');
    expect(owed).toBeInstanceOf(OutOfBudgetError);
  });

  test('does not wait for a time that only a clock gone wrong can have noted', async () => {
    const { clock, budget, budgets, journal, log, lines } = await waiting();
    await journal.quotas.pause(budget.name, START + 400 * 86_400_000);

    await drive(clock, budgets.acquire(budget, { signal: new AbortController().signal, log }));

    expect(clock.now()).toBe(START);
    expect(lines[0]).toMatchObject({ level: 40 });
  });

  test('that comes while others wait hears until when as well', async () => {
    const { clock, journal, budget, budgets, log } = await waiting();
    const signal = new AbortController().signal;
    await journal.quotas.pause(budget.name, START + MINUTE);
    const heard: (number | undefined)[] = [];

    const first = budgets.acquire(budget, { signal, log, onWait: () => undefined });
    await clock.advance(10_000);
    const second = budgets.acquire(budget, { signal, log, onWait: (until) => heard.push(until) });
    await clock.advance(0);

    expect(heard).toEqual([START + MINUTE]);
    await drive(clock, Promise.all([first, second]));
  });

  test('without a quota still waits for a pause', async () => {
    const { clock, budget, budgets, log } = await waiting();
    const unlimited = { ...budget, quota: undefined };
    await budgets.pause(unlimited, START + 5_000);

    const granted = budgets.acquire(unlimited, { signal: new AbortController().signal, log });
    await until(() => clock.next === START + 5_000);
    await drive(clock, granted);

    expect(clock.now() - START).toBe(5_000);
  });
});

test('a budget’s name tells credentials apart, and none of them', () => {
  const name = budgetName('https://v.example', { SEC: TOKEN }, 'x');

  expect(name).toBe(budgetName('https://v.example', { sec: TOKEN }, 'x'));
  expect(name).not.toBe(budgetName('https://v.example', { sec: `${TOKEN}2` }, 'x'));
  expect(name).not.toBe(budgetName('https://v.example', { sec: TOKEN }, 'y'));
  expect(name).toMatch(/^https:\/\/v\.example\|[0-9a-f]{12}\|x$/);
});
