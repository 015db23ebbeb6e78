import { isoTime } from '../ecs/common.ts';

/** ISO 8601 in UTC, or null for no time. */
export function timeOrNull(time: number | undefined): string | null {
  return time === undefined ? null : isoTime(time);
}
