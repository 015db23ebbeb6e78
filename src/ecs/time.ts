import { DateTime } from 'luxon';

/** The first instant whose year has five digits, which date fields do not accept. Epoch ms. */
const YEAR_10000 = 253_402_300_800_000;

/** Whether a value can be the time of an event in epoch milliseconds: an integer from 1970 to the end of 9999. */
export function isTimestamp(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < YEAR_10000;
}

/** ISO 8601 in UTC with milliseconds. Throws `RangeError` when `isTimestamp` is false. */
export function isoTime(epochMs: number): string {
  if (!isTimestamp(epochMs)) throw new RangeError(`${String(epochMs)} is not a valid event time.`);
  return DateTime.fromMillis(epochMs, { zone: 'utc' }).toISO() as string;
}

/** The change of a counter in a message: `(+12)`, or `(+0, final)` when its bucket is closed. */
export function changeInWords(delta: number, final: boolean): string {
  return `(${delta < 0 ? '' : '+'}${delta}${final ? ', final' : ''})`;
}

interface Bucket {
  /** Its start, epoch ms. */
  readonly from: number;
  readonly unit: 'HOUR' | 'DAY' | 'MONTH';
  /** IANA time zone in which it begins. */
  readonly zone: string;
  /** When the message is made, epoch ms. */
  readonly now: number;
}

/** A bucket of time as people write it: `27 Nov`, `27 Nov 14:00`, `Nov`; with the year unless it is the current one. */
export function bucketInWords({ from, unit, zone, now }: Bucket): string {
  const start = DateTime.fromMillis(from, { zone, locale: 'en-US' });
  const year = start.year === DateTime.fromMillis(now, { zone }).year ? '' : ' yyyy';
  const formats = { HOUR: `d LLL${year} HH:mm`, DAY: `d LLL${year}`, MONTH: `LLL${year}` };
  return start.toFormat(formats[unit]);
}
