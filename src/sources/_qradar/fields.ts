import type { FieldTable } from '../../core/fields.ts';

/** The document's five names under the vendor's own. The address is text: consoles write host names there, too. */
export function loginAttemptFields(vendor: string): FieldTable {
  return {
    [`${vendor}.login_attempt.attempt_time`]: 'long',
    [`${vendor}.login_attempt.user_id`]: 'keyword',
    [`${vendor}.login_attempt.remote_ip`]: 'keyword',
    [`${vendor}.login_attempt.attempt_result`]: 'keyword',
    [`${vendor}.login_attempt.attempt_method`]: 'keyword',
  };
}
