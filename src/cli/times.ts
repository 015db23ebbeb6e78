import { InvalidArgumentError, Option } from 'commander';
import { DateTime } from 'luxon';
import { parseDuration } from '../config/fields.ts';
import { isTimestamp } from '../ecs/time.ts';

/** A time as a flag says it, which may count back from now. Both epoch ms. */
export type TimeFlag = (now: number) => number;

/** `--from T` or `--to T`. */
export function timeFlag(name: 'from' | 'to', what: string): Option {
  return new Option(
    `--${name} <time>`,
    `${what}: a date or date-time (ISO 8601, UTC unless it says otherwise), or how long ago, such as 2h`,
  ).argParser(timeArgument);
}

function timeArgument(text: string): TimeFlag {
  const ago = parseDuration(text);
  if (ago !== undefined) return (now) => Math.max(0, now - ago);
  const time = DateTime.fromISO(text, { zone: 'utc' }).toMillis();
  if (isTimestamp(time)) return () => time;
  throw new InvalidArgumentError(
    'Expected a time such as 2026-03-01, 2026-03-01T08:00:00Z or 2026-03-01T08:00+02:00, or how long ago, such as 90m, 2h or 7d.',
  );
}
