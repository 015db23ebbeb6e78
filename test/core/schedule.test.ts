import { describe, expect, it } from 'vitest';
import { parseSchedule } from '../../src/core/schedule.ts';

describe('parseSchedule', () => {
  it('spreads a plain interval by a twentieth', () => {
    const early = parseSchedule('every 10m', 'UTC', () => 0);
    const late = parseSchedule('every 10m', 'UTC', () => 0.999_999);

    expect(early.next(0)).toBe(570_000);
    expect(late.next(0)).toBe(630_000);
    expect(early.interval).toBe(630_000);
  });

  it('knows the longest pause of a cron expression', () => {
    const office = parseSchedule('0 8-18 * * 1-5', 'UTC', Math.random);

    expect(office.interval).toBe(62 * 3_600_000);
  });

  it.each(['every 0m', 'every', 'sometimes', '* * * *'])('refuses %s', (text) => {
    expect(() => parseSchedule(text, 'UTC', Math.random)).toThrow(/interval|pattern|field|cron/i);
  });
});
