import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import type { Logger } from '../../../src/core/log.ts';
import { PostgresQuotas } from '../../../src/journal/postgres/quotas.ts';
import { NO_POSTGRES } from '../../support/postgres.ts';
import { connect, ownDatabase } from '../support/databases.ts';

/** A clock of a machine whose time is wrong by so much. Milliseconds. */
function clockAhead(ms: number): Clock {
  return { now: () => Date.now() + ms, sleep: (duration) => pause(duration) };
}

describe.skipIf(NO_POSTGRES)('quotas in PostgreSQL', () => {
  test('replicas whose clocks differ never exceed a window together, and use all of it', async () => {
    await using own = await ownDatabase();
    const limit = { requests: 5, per: 400 };
    const began = performance.now();
    let granted = 0;

    const replica = async (ahead: number) => {
      await using database = connect(own.database.place);
      const clock = clockAhead(ahead);
      const quotas = new PostgresQuotas(database, clock, 'database');
      // By turns, so that requests are dated by one clock after the other.
      while (performance.now() < began + 2_500) {
        const now = clock.now();
        const again = await quotas.spend('shared', limit, now);
        if (again === 0) granted += 1;
        else await clock.sleep(Math.min(Math.max(again - clock.now(), 1), 50));
      }
    };
    await Promise.all([replica(0), replica(3_000), replica(-4_000), replica(30)]);

    // Replicas that measured windows by their own clocks would have a window each.
    const windows = Math.ceil((performance.now() - began) / limit.per) + 1;
    expect(granted).toBeLessThanOrEqual(limit.requests * windows);
    expect(granted).toBeGreaterThan(limit.requests * 2);
  });

  test('of many that spend at once no more are granted than the window has', async () => {
    await using own = await ownDatabase();
    await using other = connect(own.database.place);
    const replicas = [own.database, other].map((one) => new PostgresQuotas(one, clockAhead(0), 'database'));
    const limit = { requests: 7, per: 60_000 };

    const spent = Array.from({ length: 30 }, () =>
      replicas.map((quotas) => quotas.spend('shared', limit, Date.now())),
    );
    const answers = await Promise.all(spent.flat());

    expect(answers.filter((again) => again === 0)).toHaveLength(7);
    expect(answers.every((again) => again === 0 || again > Date.now() + 50_000)).toBe(true);
  });

  test('a replica with a short window keeps the requests that the longer window of another one counts', async () => {
    await using own = await ownDatabase();
    const [hourly, often] = [1, 2].map(() => new PostgresQuotas(own.database, clockAhead(0), 'database'));
    const hour = { requests: 2, per: 3_600_000 };

    await hourly?.spend('shared', hour, Date.now());
    await pause(60);
    await often?.spend('shared', { requests: 10, per: 50 }, Date.now());

    expect(await hourly?.available('shared', hour, Date.now())).toBe(0);
    expect(await hourly?.spend('shared', hour, Date.now())).toBeGreaterThan(Date.now());
  });

  test('a pause lasts as long for every replica, whatever its clock says', async () => {
    await using own = await ownDatabase();
    const late = new PostgresQuotas(own.database, clockAhead(-5_000), 'database');
    const early = new PostgresQuotas(own.database, clockAhead(5_000), 'database');

    await late.pause('b', Date.now() - 5_000 + 60_000);
    const until = await early.pausedUntil('b');
    const again = await early.spend('b', { requests: 1, per: 1_000 }, Date.now() + 5_000);

    for (const end of [until, again]) expect(Math.abs(end - (Date.now() + 65_000))).toBeLessThan(1_500);
  });

  test('requests that no longer count because the clock of the database went back are logged', async () => {
    await using own = await ownDatabase();
    const warn = vi.fn<Logger['warn']>();
    const log = { warn } as unknown as Logger;
    const quotas = new PostgresQuotas(own.database, clockAhead(0), 'caller', log);
    await quotas.spend('quota', { requests: 1, per: 10 }, 1_000);

    const again = await quotas.spend('quota', { requests: 1, per: 10 }, 1);

    expect(again).toBe(0);
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      { penstock: { budget: 'quota', dropped: 1 } },
      expect.stringContaining('went back'),
    );
  });

  test('what no window reaches is forgotten, also of quotas that nobody spends any more', async () => {
    await using own = await ownDatabase();
    const quotas = new PostgresQuotas(own.database, clockAhead(0), 'caller');
    const [day, now] = [86_400_000, 100 * 86_400_000];
    await quotas.spend('old', { requests: 1, per: 1_000 }, now - 32 * day);
    await quotas.spend('new', { requests: 1, per: 1_000 }, now - 30 * day);

    await quotas.tidy(now);

    expect(await own.database.query('SELECT quota FROM penstock.quota')).toEqual([{ quota: 'new' }]);
  });
});
