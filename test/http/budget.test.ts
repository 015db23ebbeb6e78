import { describe, expect, test } from 'vitest';
import { OutOfBudgetError } from '../../src/errors.ts';
import { budgetName, Budgets } from '../../src/http/budget.ts';
import { serve } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { MemoryJournal } from './support/memory-journal.ts';
import { drive, failure, readableLog, rig, TOKEN, until } from './support/rig.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-03-02T12:00:00Z');
const QUOTA = { route: 'x', requests: 2, per: MINUTE };
const ok = () => ({ status: 200, body: [] });

function waiting() {
  const clock = new DrivenClock();
  const journal = new MemoryJournal();
  return { clock, journal, budgets: new Budgets({ journal, clock }), ...readableLog() };
}

describe('requests', () => {
  test('wait for the window to have room, across a restart', async () => {
    const clock = new DrivenClock();
    await using server = await serve(ok, { clock });
    const first = rig(server.url, { clock, quotas: [QUOTA] });
    await first.http.get({ path: '/1', route: 'x' });
    await first.http.get({ path: '/2', route: 'x' });
    await first.http[Symbol.asyncDispose]();

    const second = rig(server.url, { clock, quotas: [QUOTA], journal: first.journal });
    await clock.advance(10_000);
    await drive(clock, second.http.get({ path: '/3', route: 'x' }));

    expect(server.requests.map(({ at }) => at - START)).toEqual([0, 0, MINUTE]);
    expect(second.lines).toHaveLength(1);
    expect(second.lines[0]).toMatchObject({
      msg: 'Request waits for its budget.',
      event: { reason: 'x', end: '2026-03-02T12:01:00.000Z' },
    });
    await second.http[Symbol.asyncDispose]();
  });

  test('are spent before they are sent, every try and every redirect of them', async () => {
    const clock = new DrivenClock();
    const journal = new MemoryJournal();
    const seen: number[] = [];
    await using server = await serve(
      () => {
        seen.push([...journal.spent.values()].flat().length);
        return { status: 200, body: [] };
      },
      { clock },
    );
    server.script.push({ status: 500 }, { status: 302, headers: { location: '/y' } });
    const { http } = rig(server.url, { clock, journal, quotas: [{ ...QUOTA, requests: 9 }] });

    await drive(clock, http.get({ path: '/x', route: 'x' }));

    expect(seen).toEqual([3]);
    expect(http.requests).toBe(3);
    expect(await http.available('x')).toBe(6);
    await http[Symbol.asyncDispose]();
  });

  test('of two sources with one credential share a budget, first come first served', async () => {
    const clock = new DrivenClock();
    const journal = new MemoryJournal();
    const budgets = new Budgets({ journal, clock });
    await using server = await serve(ok, { clock });
    const quotas = [{ ...QUOTA, requests: 1 }];
    const [one, two] = [1, 2].map(() => rig(server.url, { clock, journal, budgets, quotas }).http);

    const all = Promise.all([
      one?.get({ path: '/a', route: 'x' }),
      two?.get({ path: '/b', route: 'x' }),
      one?.get({ path: '/c', route: 'x' }),
      two?.get({ path: '/d', route: 'x' }),
    ]);
    await drive(clock, all);

    const asked = server.requests.map(({ path, at }) => `${path} ${(at - START) / MINUTE}`);
    expect(asked).toEqual(['/a 0', '/b 1', '/c 2', '/d 3']);
    await one?.[Symbol.asyncDispose]();
    await two?.[Symbol.asyncDispose]();
  });

  test('take the operator’s quota for the main route only', async () => {
    const quotas = [QUOTA, { route: 'tenants', requests: 10, per: MINUTE }];
    const { http } = rig('http://127.0.0.1:1', { quotas, options: { quota: { requests: 7, per: MINUTE } } });

    expect(await http.available('x')).toBe(7);
    expect(await http.available('tenants')).toBe(10);
    expect(await http.available('other')).toBe(Infinity);
  });

  test('all count against the operator’s quota where the vendor documents none', async () => {
    const clock = new DrivenClock();
    await using server = await serve(ok, { clock });
    await using http = rig(server.url, { clock, options: { quota: { requests: 3, per: MINUTE } } }).http;

    await http.get({ path: '/a', route: 'a' });
    await http.get({ path: '/b', route: 'b' });

    expect(await http.available('a')).toBe(1);
    expect(await http.available('c')).toBe(1);
  });
});

describe('a waiter', () => {
  const budget = { name: 'b', route: 'x', quota: { requests: 1, per: MINUTE } };

  test('that is stopped is out of budget, and does not hold up those behind it', async () => {
    const { clock, budgets, log } = waiting();
    const [stop, other] = [new AbortController(), new AbortController()];
    await budgets.acquire(budget, { signal: other.signal, log });

    const head = budgets.acquire(budget, { signal: other.signal, log });
    const stopped = failure(budgets.acquire(budget, { signal: stop.signal, log }));
    const last = budgets.acquire(budget, { signal: other.signal, log });
    stop.abort();

    expect(await stopped).toBeInstanceOf(OutOfBudgetError);
    await drive(clock, Promise.all([head, last]));
    expect(clock.now() - START).toBe(2 * MINUTE);
  });

  test('that comes after the stop is told whether its budget would have allowed it', async () => {
    const { budgets, log } = waiting();
    const stop = new AbortController();
    stop.abort(new Error('deadline'));

    const cut = await failure(budgets.acquire(budget, { signal: stop.signal, log }));
    await budgets.acquire(budget, { signal: new AbortController().signal, log });
    const owed = await failure(budgets.acquire(budget, { signal: stop.signal, log }));

    expect(cut.message).toBe('deadline');
    expect(owed).toBeInstanceOf(OutOfBudgetError);
  });

  test('does not wait for a time that only a clock gone wrong can have noted', async () => {
    const { clock, budgets, journal, log, lines } = waiting();
    await journal.pauseBudget('b', START + 400 * 86_400_000);

    await drive(clock, budgets.acquire(budget, { signal: new AbortController().signal, log }));

    expect(clock.now()).toBe(START);
    expect(lines[0]).toMatchObject({ level: 40 });
  });

  test('without a quota still waits for a pause', async () => {
    const { clock, budgets, log } = waiting();
    const unlimited = { name: 'b', route: 'x', quota: undefined };
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
