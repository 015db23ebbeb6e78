import { addressOf } from '../../ecs/common.ts';
import { compact, type EcsEvent } from '../../core/event.ts';
import { isoTime } from '../../ecs/time.ts';
import type { LoginAttempt } from './record.ts';

/** One login attempt in ECS; `vendor` is the namespace of the document's five names. */
export function loginAttemptEvent(vendor: string, attempt: LoginAttempt): EcsEvent {
  return compact({
    '@timestamp': isoTime(attempt.attempt_time),
    message: sentence(attempt),
    // The method (`LOGIN_PAGE`, `HTTP_BASIC`) is the vendor's field: rules ask for one action over all sources.
    'event.action': 'login',
    'event.outcome': outcome(attempt.attempt_result),
    'user.id': attempt.user_id,
    'user.name': attempt.username,
    ...addressOf('source', attempt.remote_ip),
    [`${vendor}.login_attempt.attempt_time`]: attempt.attempt_time,
    [`${vendor}.login_attempt.user_id`]: attempt.user_id,
    [`${vendor}.login_attempt.remote_ip`]: attempt.remote_ip,
    [`${vendor}.login_attempt.attempt_result`]: attempt.attempt_result,
    [`${vendor}.login_attempt.attempt_method`]: attempt.attempt_method,
  });
}

/** A Map, since a vendor's word may be the name of something that every object has. */
const OUTCOMES = new Map([
  ['SUCCESS', 'success'],
  ['FAILURE', 'failure'],
]);

function outcome(result: string | undefined): string {
  return OUTCOMES.get(result ?? '') ?? 'unknown';
}

const SENTENCES: Readonly<Record<string, string>> = {
  success: 'logged in',
  failure: 'failed to log in',
  unknown: 'tried to log in',
};

function sentence({ attempt_result, user_id, username, remote_ip }: LoginAttempt): string {
  const who = username || (user_id ? `User ${user_id}` : 'An unknown user');
  const what = SENTENCES[outcome(attempt_result)];
  return remote_ip ? `${who} ${what} from ${remote_ip}` : `${who} ${what}`;
}
