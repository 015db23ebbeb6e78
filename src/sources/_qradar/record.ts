import { z } from 'zod';
import { isTimestamp } from '../../ecs/time.ts';
import { membersOf } from '../_kit/malformed.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
  .optional();

/** Digits, or the text that stands in their place. */
const id = z
  .union([z.string(), z.int(), z.bigint()], 'expected an integer or text')
  .nullish()
  .transform((value) => (value === undefined || value === null ? undefined : String(value)))
  .optional();

/**
 * One row of `GET /api/access/login_attempts`, with the user's name beside it where
 * it is known. Only the time is required; enums are open.
 */
export const LoginAttempt = z.looseObject({
  attempt_time: z.custom<number>(isTimestamp, 'no integer of epoch milliseconds'),
  /** Exact beyond 2^53. */
  user_id: id,
  remote_ip: text,
  attempt_result: text,
  attempt_method: text,
  username: text,
});

export type LoginAttempt = z.output<typeof LoginAttempt>;

/** The time of a raw row, epoch ms; undefined for a row that does not fit. */
export function timeOf(row: unknown): number | undefined {
  const { attempt_time } = membersOf(row);
  return isTimestamp(attempt_time) ? attempt_time : undefined;
}

/** The id of a raw row's user. */
export function userIdOf(row: unknown): string | undefined {
  return id.safeParse(membersOf(row)['user_id']).data;
}
