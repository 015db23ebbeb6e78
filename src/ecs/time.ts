import { DateTime } from 'luxon';

/** The first instant that cannot be written with a four-digit year, which date fields ask for. Epoch ms. */
const YEAR_10000 = 253_402_300_800_000;

/** Whether a value is epoch milliseconds that an event can carry: an integer from 1970 to the end of 9999. */
export function isTimestamp(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < YEAR_10000;
}

/** ISO 8601 in UTC with milliseconds. Throws `RangeError` for what `isTimestamp` refuses. */
export function isoTime(epochMs: number): string {
  if (!isTimestamp(epochMs)) throw new RangeError(`${String(epochMs)} is no time that an event can carry.`);
  return DateTime.fromMillis(epochMs, { zone: 'utc' }).toISO() as string;
}
