import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { parseSchedule, Cron } from '../../src/core/schedule.ts';

describe('parseSchedule', () => {
  it('a plain interval varies by a twentieth', () => {
    const early = parseSchedule('every 10m', 'UTC', () => 0);
    const late = parseSchedule('every 10m', 'UTC', () => 0.999_999);

    expect(early.next(0)).toBe(570_000);
    expect(late.next(0)).toBe(630_000);
    expect(early.interval).toBe(630_000);
  });

  it('the interval of a cron expression is its longest pause', () => {
    const office = parseSchedule('0 8-18 * * 1-5', 'UTC', Math.random);

    expect(office.interval).toBe(62 * 3_600_000);
  });

  it.each(['every 0m', 'every', 'sometimes', '* * * *'])('the schedule %s is rejected', (text) => {
    expect(() => parseSchedule(text, 'UTC', Math.random)).toThrow(/interval|pattern|field|cron/i);
  });
});

function dueTimes(expression: string, timezone: string, after: string, count: number): string[] {
  const cron = new Cron(expression, timezone);
  const due: string[] = [];
  for (let at = Date.parse(after); due.length < count;) {
    at = cron.next(at) ?? Number.NaN;
    due.push(new Date(at).toISOString());
  }
  return due;
}

/** The times of day, `hh:mm`, that come after 03:30. */
function hours(expression: string, count: number): string[] {
  return dueTimes(expression, 'UTC', '2026-01-01T03:30:00Z', count).map((at) => at.slice(11, 16));
}

/** The days, `MM-DD`, that come after 1 January 2026, a Thursday. */
function days(expression: string, count: number): string[] {
  return dueTimes(expression, 'UTC', '2026-01-01T12:00:00Z', count).map((at) => at.slice(5, 10));
}

describe('Cron', () => {
  it('a local time that the clocks skip runs at the shift', () => {
    const due = dueTimes('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 3);

    expect(due).toEqual(['2026-03-28T01:30:00.000Z', '2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']);
  });

  it('a local time that comes twice runs once', () => {
    expect(dueTimes('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
    expect(dueTimes('*/30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 3)).toEqual([
      '2026-10-25T00:00:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:00:00.000Z',
    ]);
  });

  it('several local times that the clocks skip run once, at the shift', () => {
    const due = dueTimes('*/30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2);

    expect(due).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:00:00.000Z']);
  });

  it('an expression that names every hour runs in both hours when one comes twice', () => {
    const due = dueTimes('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:15:00Z', 4);

    expect(due).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-25T01:00:00.000Z',
      '2026-10-25T01:30:00.000Z',
      '2026-10-25T02:00:00.000Z',
    ]);
  });

  it('lists and ranges may be in any order', () => {
    expect(hours('0 20,8 * * *', 3)).toEqual(['08:00', '20:00', '08:00']);
    expect(hours('0 22-2 * * *', 6)).toEqual(['22:00', '23:00', '00:00', '01:00', '02:00', '22:00']);
    expect(hours('15,45,0 * * * *', 4)).toEqual(['03:45', '04:00', '04:15', '04:45']);
    expect(new Set(hours('0 4-3 * * *', 24)).size).toBe(24);
    expect(hours('0 9 * nov-feb *', 1)).toEqual(['09:00']);
  });

  it('when the day of the month and the day of the week are both restricted, either is enough', () => {
    expect(days('0 9 15 * MON-SUN', 3)).toEqual(['01-02', '01-03', '01-04']);
    expect(days('0 9 13 * FRI', 4)).toEqual(['01-02', '01-09', '01-13', '01-16']);
    expect(days('0 0 9 13 * FRI', 4)).toEqual(['01-02', '01-09', '01-13', '01-16']);
    expect(days('0 9 * * FRI', 2)).toEqual(['01-02', '01-09']);
    expect(days('0 9 13 * *', 2)).toEqual(['01-13', '02-13']);
    expect(days('0 9 ? * FRI', 2)).toEqual(['01-02', '01-09']);
  });

  it('an expression may have six fields, and days that are years away', () => {
    expect(dueTimes('*/20 * * * * *', 'UTC', '2026-01-01T00:00:19Z', 2)).toEqual([
      '2026-01-01T00:00:20.000Z',
      '2026-01-01T00:00:40.000Z',
    ]);
    expect(dueTimes('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 1)).toEqual(['2028-02-29T00:00:00.000Z']);
  });

  it('an invalid expression or zone is rejected with the reason', () => {
    expect(() => new Cron('61 * * * *')).toThrow(/61/);
    expect(() => new Cron('* * * * *', 'Mars/Olympus')).toThrow('no time zone is named Mars/Olympus');
  });

  it('the next times are those that a walk through every minute of local time finds', () => {
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
