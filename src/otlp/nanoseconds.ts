import type { HrTime } from '@opentelemetry/api';

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,9})\d*)?(?:Z|[+-]\d{2}:\d{2})$/;

/** OTLP counts nanoseconds since 1970 in 64 bits without sign: the last whole second that fits (July 2554). */
const LAST_SECOND = 18_446_744_073;

/**
 * An ISO 8601 time as [seconds, nanoseconds] since the epoch, with every digit that the text has: milliseconds, as
 * the SDK would take, lose what a vendor wrote below them. Times that OTLP cannot express become its first or last.
 * Undefined when the text is no such time.
 */
export function hrTimeOf(text: unknown): HrTime | undefined {
  const match = typeof text === 'string' ? ISO.exec(text) : null;
  if (match === null) return undefined;
  const [whole, fraction = ''] = match;
  const seconds = Math.floor(Date.parse(whole) / 1000);
  if (Number.isNaN(seconds)) return undefined;
  if (seconds < 0) return [0, 0];
  if (seconds >= LAST_SECOND) return [LAST_SECOND, 0];
  return [seconds, Number(fraction.padEnd(9, '0'))];
}

/** Milliseconds since the epoch as [seconds, nanoseconds]. */
export function hrTimeOfMillis(millis: number): HrTime {
  return [Math.floor(millis / 1000), (millis % 1000) * 1e6];
}
