import { expect, it } from 'vitest';
import { showDuration } from '../../src/core/show-duration.ts';

it.each([
  [0, '0s'],
  [499, '0s'],
  [1_500, '2s'],
  [90_000, '1m 30s'],
  [86_400_000, '1d'],
  [90_061_000, '1d 1h 1m 1s'],
])('shows %i ms as %s', (ms, text) => {
  expect(showDuration(ms)).toBe(text);
});
