import { expect, it } from 'vitest';
import { LastHour } from '../../src/observe/last-hour.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const MINUTE = 60_000;

it('the last hour is 60 minutes, of which the oldest is forgotten as a new one begins', async () => {
  const clock = new DrivenClock();
  const count = new LastHour(clock);

  count.add(5);
  await clock.advance(30 * MINUTE);
  count.add(7);
  count.add(1);
  const half = count.total;
  await clock.advance(29 * MINUTE);
  const whole = count.total;
  await clock.advance(MINUTE);
  const later = count.total;
  await clock.advance(60 * MINUTE);

  expect([half, whole, later, count.total]).toEqual([13, 13, 8, 0]);
});

it('the last hour has nothing of the future, after the clock was set back', () => {
  const clock = new DrivenClock();
  const count = new LastHour(clock);

  count.add(5);
  clock.jump(-2 * 60 * MINUTE);

  expect(count.total).toBe(0);
});
