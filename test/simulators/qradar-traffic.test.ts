import { expect, it } from 'vitest';
import { DrivenClock } from '../support/driven-clock.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { consoleUsers, startTraffic } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';

it('adds attempts as time passes, about as many as asked, and stops at the signal', async () => {
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
