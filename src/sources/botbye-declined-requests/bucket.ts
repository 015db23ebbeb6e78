import { DateTime } from 'luxon';
import type { Span } from '../../source.ts';

/** The values of `interval_type`. */
export const INTERVAL_TYPES = ['HOUR', 'DAY', 'MONTH'] as const;

/** How the vendor cuts time into buckets. */
export interface Calendar {
  readonly interval_type: (typeof INTERVAL_TYPES)[number];
  /** IANA time zone. */
  readonly zone: string;
}

/** The calendar that the options describe. */
export function calendarOf({
  interval_type,
  bucket_timezone,
}: Pick<Calendar, 'interval_type'> & { readonly bucket_timezone: string }): Calendar {
  return { interval_type, zone: bucket_timezone };
}

const UNITS = { HOUR: 'hour', DAY: 'day', MONTH: 'month' } as const;

/** The calendar hour, day or month that holds an instant (epoch ms). */
export function bucketAt(at: number, { interval_type, zone }: Calendar): Span {
  const unit = UNITS[interval_type];
  const start = DateTime.fromMillis(at, { zone }).startOf(unit);
  // Once more `startOf`: where the clocks change at midnight, a day begins at one o'clock, and the next one does not.
  return {
    from: start.toMillis(),
    to: start
      .plus({ [unit]: 1 })
      .startOf(unit)
      .toMillis(),
  };
}

/** Whether buckets of the two calendars cannot be compared. */
export function differ(one: Calendar, other: Calendar): boolean {
  return one.interval_type !== other.interval_type || one.zone !== other.zone;
}
