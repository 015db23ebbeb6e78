import { z } from 'zod';
import { isTimestamp } from '../../ecs/time.ts';
import { toJson } from '../../json.ts';

/** Whatever stands there, as text: a field of an event never changes its type, and one odd value loses no row. */
const text = z.unknown().transform(asText).optional();

/**
 * One row of `GET /api/access/login_attempts`, with the user's name beside it where
 * it is known. Only the time is required; enums are open.
 */
export const LoginAttempt = z.looseObject({
  attempt_time: z.custom<number>(isTimestamp, 'no integer of epoch milliseconds'),
  /** Digits, exact beyond 2^53. */
  user_id: text,
  remote_ip: text,
  attempt_result: text,
  attempt_method: text,
  username: text,
});

export type LoginAttempt = z.output<typeof LoginAttempt>;

/** The time of a raw row, epoch ms; undefined for a row that does not fit. */
export function timeOf(row: unknown): number | undefined {
  const fits = LoginAttempt.safeParse(row);
  return fits.success ? fits.data.attempt_time : undefined;
}

/** The id of a raw row's user. */
export function userIdOf(row: unknown): string | undefined {
  return typeof row === 'object' && row !== null && 'user_id' in row ? asText(row.user_id) : undefined;
}

function asText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : toJson(value);
}
