import { InvalidArgumentError, Option } from 'commander';
import { DateTime } from 'luxon';
import { parseDuration } from '../core/duration.ts';
import { isTimestamp } from '../ecs/common.ts';

/** Parses a flag's duration, such as `4m`, into milliseconds. */
export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Must be a duration such as 30s, 5m, 2h or 7d.');
  return ms;
}

/** The time that a flag names, which may count back from `now`. Epoch ms. */
export type TimeFlag = (now: number) => number;

/** `--from T` or `--to T`. */
export function timeFlag(name: 'from' | 'to', what: string): Option {
  return new Option(
    `--${name} <time>`,
    `${what}: a date or date-time (ISO 8601, UTC by default), or an age such as 2h`,
  ).argParser(timeArgument);
}

function timeArgument(text: string): TimeFlag {
  const ago = parseDuration(text);
  if (ago !== undefined) return (now) => Math.max(0, now - ago);
  const time = DateTime.fromISO(text, { zone: 'utc' }).toMillis();
  if (isTimestamp(time)) return () => time;
  throw new InvalidArgumentError(
    'Must be a time such as 2026-03-01, 2026-03-01T08:00:00Z or 2026-03-01T08:00+02:00, or an age such as 90m, 2h or 7d.',
  );
}
