import { expect, test } from 'vitest';
import { Histogram, LastHour } from '../../src/observe/counts.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const MINUTE = 60_000;

test('a value counts up to the first bound that it does not exceed, and beyond all of them', () => {
  const histogram = new Histogram([0.1, 1]);

  for (const ms of [0, 100, 101, 1_000, 1_001, 60_000]) histogram.observe(ms);

  expect(histogram.counts).toEqual([2, 2, 2]);
  expect(histogram.count).toBe(6);
  expect(histogram.sum).toBeCloseTo(62.202);
});

test('a clock that went back adds no time', () => {
  const histogram = new Histogram([1]);

  histogram.observe(-5_000);

  expect([histogram.counts, histogram.sum]).toEqual([[1, 0], 0]);
});

test('the last hour is 60 minutes, of which the oldest is forgotten as a new one begins', async () => {
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

test('the last hour has nothing of the future, after the clock was set back', () => {
  const clock = new DrivenClock();
  const count = new LastHour(clock);

  count.add(5);
  clock.jump(-2 * 60 * MINUTE);

  expect(count.total).toBe(0);
});
