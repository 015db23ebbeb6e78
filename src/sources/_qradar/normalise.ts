import * as z from 'zod';
import { compact, type EcsEvent, type FieldTable } from '../../core/event.ts';
import { addressOf, isoTime, isTimestamp } from '../../ecs/common.ts';
import { membersOf } from '../_kit/keys.ts';

const text = z.string().nullish();
const id = z.custom<string | number | bigint>(isId, 'expected an integer or text').nullish();

/** An integer, exact beyond 2^53; some consoles send text. */
function isId(value: unknown): value is string | number | bigint {
  return typeof value === 'string' || typeof value === 'bigint' || Number.isSafeInteger(value);
}

/**
 * One row of `GET /api/access/login_attempts`, with the user's name (`username`) where it is known. Only the time is
 * required; new results and methods may appear.
 */
export const record = z.looseObject({
  attempt_time: z.custom<number>(isTimestamp, 'no integer of epoch milliseconds'),
  user_id: id,
  remote_ip: text,
  attempt_result: text,
  attempt_method: text,
  username: text,
});

export type LoginAttempt = z.output<typeof record>;

/** The time of a raw row, epoch ms; undefined for a malformed row. */
export function timeOf(row: unknown): number | undefined {
  const { attempt_time } = membersOf(row);
  return isTimestamp(attempt_time) ? attempt_time : undefined;
}

/** The user id of a row. */
export function userIdOf(row: unknown): string | undefined {
  const { user_id } = membersOf(row);
  return isId(user_id) ? String(user_id) : undefined;
}

/** The names of the vendor's five fields, under `vendor`. */
function namesOf(vendor: string) {
  const under = `${vendor}.login_attempt`;
  return {
    time: `${under}.attempt_time`,
    userId: `${under}.user_id`,
    address: `${under}.remote_ip`,
    result: `${under}.attempt_result`,
    method: `${under}.attempt_method`,
  };
}

/** The vendor's five fields, under `vendor`. The address is text: consoles write host names there, too. */
export function loginAttemptFields(vendor: string): FieldTable {
  const { time, userId, address, result, method } = namesOf(vendor);
  return {
    [time]: 'long',
    [userId]: 'keyword',
    [address]: 'keyword',
    [result]: 'keyword',
    [method]: 'keyword',
  };
}

/** Maps one login attempt to ECS, with the vendor's fields under `vendor`. */
export function normaliser(vendor: string): (attempt: LoginAttempt) => EcsEvent {
  const { time, userId, address, result, method } = namesOf(vendor);
  return (attempt) => {
    const id = userIdOf(attempt);
    return compact({
      '@timestamp': isoTime(attempt.attempt_time),
      message: sentence(attempt),
      // The method (`LOGIN_PAGE`, `HTTP_BASIC`) is in the vendor's field: rules look for one action over all sources.
      'event.action': 'login',
      'event.outcome': outcome(attempt.attempt_result),
      'user.id': id,
      'user.name': attempt.username,
      ...addressOf('source', attempt.remote_ip ?? undefined),
      [time]: attempt.attempt_time,
      [userId]: id,
      [address]: attempt.remote_ip,
      [result]: attempt.attempt_result,
      [method]: attempt.attempt_method,
    });
  };
}

/** A Map, because a vendor's word may be the name of a member that every object has. */
const OUTCOMES = new Map([
  ['SUCCESS', 'success'],
  ['FAILURE', 'failure'],
]);

function outcome(result: string | null | undefined): string {
  return OUTCOMES.get(result ?? '') ?? 'unknown';
}

const DID: Readonly<Record<string, string>> = {
  success: 'logged in',
  failure: 'failed to log in',
  unknown: 'tried to log in',
};

/** `goran logged in from 10.20.0.9` */
function sentence(attempt: LoginAttempt): string {
  const { attempt_result, username, remote_ip } = attempt;
  const id = userIdOf(attempt);
  const who = username || (id ? `User ${id}` : 'An unknown user');
  const did = DID[outcome(attempt_result)];
  return remote_ip ? `${who} ${did} from ${remote_ip}` : `${who} ${did}`;
}
