import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nanosecondsOfMinutes } from '../../../src/sources/petra-incidents/normalise.ts';

const digits = fc.array(fc.nat(9), { minLength: 1, maxLength: 8 }).map((each) => each.join(''));

describe('nanosecondsOfMinutes', () => {
  it.each([
    ['1918.650583333333', 115_119_035_000_000n],
    ['5.923883333333333', 355_433_000_000n],
    ['656634.6116', 39_398_076_696_000_000n],
    ['4.55', 273_000_000_000n],
    ['0', 0n],
    ['153722867.28091290', 9_223_372_036_854_774_000n],
    ['0.000000000000000000000000000000000001', 0n],
    ['1e3', 60_000_000_000_000n],
    ['1.5E-2', 900_000_000n],
    ['1e-999', 0n],
    ['0.0000000000083', 0n],
    ['0.0000000000084', 1n],
  ])('%s minutes are %s nanoseconds', (minutes, expected) => {
    expect(nanosecondsOfMinutes(minutes)).toBe(expected);
  });

  it.each(['-1.5', '1e300', '153722868'])('the duration is undefined for %s', (minutes) => {
    expect(nanosecondsOfMinutes(minutes)).toBeUndefined();
  });

  it('the duration is exact at any length, to the nearest nanosecond', () => {
    fc.assert(
      fc.property(digits, digits, (whole, fraction) => {
        const emitted = nanosecondsOfMinutes(`${whole}.${fraction}`) ?? -1n;

        const scale = 10n ** BigInt(fraction.length);
        const off = emitted * scale - BigInt(whole + fraction) * 60_000_000_000n;
        expect(2n * off).toBeGreaterThanOrEqual(-scale);
        expect(2n * off).toBeLessThanOrEqual(scale);
      }),
    );
  });
});
