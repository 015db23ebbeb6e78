import fc from 'fast-check';
import { Duration } from 'luxon';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/core/duration.ts';

describe('parseDuration', () => {
  test.each([
    ['0s', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('a duration can be %s', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['', '5', '5 m', '-5m', '1.5h', '1h30m', '5min', '5M', 'm', '5w'])(
    'a duration cannot be "%s"',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test('a duration is as long as the calendar library says, in any unit', () => {
    const units = fc.constantFrom(['s', 'seconds'], ['m', 'minutes'], ['h', 'hours'], ['d', 'days']);

    fc.assert(
      fc.property(fc.nat(999_999), units, (amount, [suffix, unit]) => {
        const expected = Duration.fromObject({ [unit]: amount }).as('milliseconds');

        expect(parseDuration(`${amount}${suffix}`)).toBe(expected);
      }),
    );
  });
});
