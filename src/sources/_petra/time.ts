import { DateTime } from 'luxon';
import { z } from 'zod';
import { isTimestamp } from '../../ecs/time.ts';

/** Epoch milliseconds of an ISO 8601 date or date-time, UTC where it names no zone; undefined when it is none. */
export function parseTime(text: string): number | undefined {
  const time = DateTime.fromISO(text, { zone: 'utc' });
  return time.isValid && isTimestamp(time.toMillis()) ? time.toMillis() : undefined;
}

/** ISO 8601 in UTC with milliseconds; undefined for a text that is no time an event can carry. */
export function utc(text: string | null | undefined): string | undefined {
  const time = typeof text === 'string' ? parseTime(text) : undefined;
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** A time in a record, kept as the vendor wrote it. */
export const vendorTime = z
  .string()
  .refine((text) => parseTime(text) !== undefined, 'expected an ISO 8601 time');

/** One that an event can do without: Microsoft says `0001-01-01` for never, which no event can carry. */
export const anyTime = z
  .string()
  .refine((text) => DateTime.fromISO(text, { zone: 'utc' }).isValid, 'expected an ISO 8601 time');

/** A time in a cursor: ISO 8601 in the state, for people, and epoch milliseconds in the code. */
export const instant = z.codec(z.iso.datetime(), z.int(), {
  decode: (text) => Date.parse(text),
  encode: (ms) => new Date(ms).toISOString(),
});

/** A half-open span of time in a cursor. */
export const span = z.object({ from: instant, to: instant });
