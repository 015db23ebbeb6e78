import { isIP } from 'node:net';
import { describe, expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { consoleUsers, loginAttempts, startTraffic } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const span = { from: Date.parse('2026-03-01T00:00:00Z'), to: Date.parse('2026-03-02T00:00:00Z') };

function share(rows: readonly unknown[], of: (index: number) => boolean): number {
  return rows.filter((_row, index) => index > 0 && of(index)).length / rows.length;
}

describe('loginAttempts', () => {
  it('loginAttempts makes the requested number, in order, within the span, the same for the same seed', () => {
    const rows = loginAttempts({ random: seeded(1), count: 5_000, ...span });

    expect(rows).toHaveLength(5_000);
    expect(rows).toEqual(loginAttempts({ random: seeded(1), count: 5_000, ...span }));
    expect(rows).toEqual(rows.toSorted((one, other) => one.attempt_time - other.attempt_time));
    expect(rows[0]?.attempt_time).toBeGreaterThanOrEqual(span.from);
    expect(rows.at(-1)?.attempt_time).toBeLessThan(span.to);
  });

  it('loginAttempts keeps the shares of equal milliseconds and of duplicates', () => {
    const rows = loginAttempts({
      random: seeded(2),
      count: 20_000,
      ...span,
      shareMillisecond: 0.4,
      duplicates: 0.1,
      users: consoleUsers(500),
    });
    const texts = rows.map((row) => JSON.stringify(row));

    const equalTimes = share(rows, (n) => rows[n]?.attempt_time === rows[n - 1]?.attempt_time);
    const equalRows = share(rows, (n) => texts[n] === texts[n - 1]);

    expect(Math.abs(equalTimes - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(equalRows - 0.1)).toBeLessThan(0.01);
  });

  it('loginAttempts makes rows like the documented ones: known users, addresses that parse, both methods and results', () => {
    const users = consoleUsers(20);

    const rows = loginAttempts({ random: seeded(3), count: 2_000, ...span, users });

    expect(new Set(rows.map((row) => row.user_id))).toEqual(new Set(users.map(({ id }) => id)));
    expect(new Set(rows.map((row) => row.attempt_method))).toEqual(new Set(['LOGIN_PAGE', 'HTTP_BASIC']));
    expect(new Set(rows.map((row) => row.attempt_result))).toEqual(new Set(['SUCCESS', 'FAILURE']));
    expect(new Set(rows.map((row) => isIP(row.remote_ip)))).toEqual(new Set([4, 6]));
  });
});

it('startTraffic adds attempts as time passes, about as many as requested, and stops at the signal', async () => {
  const clock = new DrivenClock();
  const stop = new AbortController();
  const rows: LoginAttempt[] = [];
  const begin = clock.now();
  const traffic = startTraffic(
    { add: (added) => void rows.push(...added), users: consoleUsers() },
    { clock, random: seeded(5), perMinute: 60, signal: stop.signal },
  );

  await clock.advance(10 * 60_000);
  stop.abort();
  await traffic;

  expect(rows.length).toBeGreaterThan(500);
  expect(rows.length).toBeLessThan(700);
  expect(rows.every((row) => row.attempt_time > begin && row.attempt_time <= clock.now())).toBe(true);
});
