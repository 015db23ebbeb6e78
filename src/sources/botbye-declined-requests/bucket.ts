import { DateTime } from 'luxon';
import type { Span } from '../../core/source.ts';

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

const HOUR = 3_600_000;

/** The calendar hour, day or month that holds an instant (epoch ms). */
export function bucketAt(at: number, { interval_type, zone }: Calendar): Span {
  const time = DateTime.fromMillis(at, { zone });
  // Not `startOf('hour')`: where the clocks go back by half an hour, it finds an hour that does not hold the instant.
  if (interval_type === 'HOUR') {
    const from = at - ((at + time.offset * 60_000) % HOUR);
    return { from, to: from + HOUR };
  }
  const unit = interval_type === 'DAY' ? 'day' : 'month';
  const start = time.startOf(unit);
  // Once more `startOf`: a day that the clocks begin at one o'clock does not end at one.
  return {
    from: start.toMillis(),
    to: start
      .plus({ [unit]: 1 })
      .startOf(unit)
      .toMillis(),
  };
}
