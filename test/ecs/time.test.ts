import { describe, expect, it } from 'vitest';
import { isoTime, isTimestamp } from '../../src/ecs/common.ts';

describe('isoTime', () => {
  it.each([
    [0, '1970-01-01T00:00:00.000Z'],
    [1_772_452_800_001, '2026-03-02T12:00:00.001Z'],
    [253_402_300_799_999, '9999-12-31T23:59:59.999Z'],
  ])('writes the time %i in ISO 8601', (time, text) => {
    expect(isoTime(time)).toBe(text);
  });

  it.each([-1, 1.5, 253_402_300_800_000, Number.NaN, '0', 0n, null])('refuses %s as a time', (value) => {
    expect(isTimestamp(value)).toBe(false);
    expect(() => isoTime(value as number)).toThrow(RangeError);
  });
});
