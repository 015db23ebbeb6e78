import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { Cron } from '../../src/schedule/cron.ts';

function dueTimes(expression: string, timezone: string, after: string, count: number): string[] {
  const cron = new Cron(expression, timezone);
  const due: string[] = [];
  for (let at = Date.parse(after); due.length < count;) {
    at = cron.next(at) ?? Number.NaN;
    due.push(new Date(at).toISOString());
  }
  return due;
}

describe('Cron', () => {
  it('runs a local time that the clocks skip at the shift', () => {
    const due = dueTimes('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 3);

    expect(due).toEqual(['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
  });

  it('runs throughout an hour that comes twice', () => {
    const due = dueTimes('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 5);

    expect(due).toEqual([
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-26T01:00:00.000Z',
    ]);
  });

  it('takes six fields, and days that are years away', () => {
    expect(dueTimes('*/20 * * * * *', 'UTC', '2026-01-01T00:00:19Z', 2)).toEqual([
      '2026-01-01T00:00:20.000Z',
      '2026-01-01T00:00:40.000Z',
    ]);
    expect(dueTimes('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 1)).toEqual(['2028-02-29T00:00:00.000Z']);
  });

  it('refuses an expression or a zone that is none, in words', () => {
    expect(() => new Cron('61 * * * *')).toThrow(/61/);
    expect(() => new Cron('* * * * *', 'Mars/Olympus')).toThrow('no time zone is named Mars/Olympus');
  });

  it('finds what a walk through every minute of local time finds', () => {
    const zone = fc.constantFrom(
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'UTC',
    );
    const expression = fc
      .tuple(
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: 0, max: 23 }),
        fc.constantFrom('*', '1-15', '29'),
      )
      .map(([minute, hour, day]) => `${minute} ${hour} ${day} * *`);
    const start = fc.date({
      min: new Date('2026-01-01T00:00:00Z'),
      max: new Date('2026-12-01T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(zone, expression, start, (timezone, pattern, after) => {
        const found = new Cron(pattern, timezone).next(after.getTime());

        const [minute, hour] = pattern.split(' ').map(Number);
        const local = DateTime.fromMillis(found ?? 0, { zone: timezone });
        const shifted = local.offset > local.minus({ seconds: 1 }).offset;
        expect(found).toBeGreaterThan(after.getTime());
        expect(shifted || (local.minute === minute && local.hour === hour)).toBe(true);
      }),
    );
  });
});
