import { expect, test } from 'vitest';
import { Pulse } from '../../src/observe/live.ts';
import { DrivenClock } from '../support/driven-clock.ts';

const MINUTE = 60_000;

test('a loop is stuck when it is silent for longer than it said, and no longer when it moves again', async () => {
  const clock = new DrivenClock();
  const pulse = new Pulse();
  const stop = new AbortController();
  const running = pulse.run(clock, stop.signal, () => pulse.expect('journal', MINUTE));

  pulse.expect('source console', 5 * MINUTE);
  await clock.advance(4 * MINUTE);
  const soon = pulse.stuck;
  await clock.advance(2 * MINUTE);
  const later = pulse.stuck;
  pulse.expect('source console', 5 * MINUTE);
  const again = pulse.stuck;

  stop.abort();
  await running;
  expect([soon, later, again]).toEqual([[], ['source console'], []]);
});

test('a clock that jumps makes no loop stuck', async () => {
  const clock = new DrivenClock();
  const pulse = new Pulse();
  const stop = new AbortController();
  const running = pulse.run(clock, stop.signal, () => undefined);
  pulse.expect('source console', 5 * MINUTE);

  clock.jump(24 * 60 * MINUTE);
  await clock.advance(MINUTE);

  stop.abort();
  await running;
  expect(pulse.stuck).toEqual([]);
});
