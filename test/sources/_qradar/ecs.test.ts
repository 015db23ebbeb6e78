import { describe, expect, it } from 'vitest';
import { loginAttemptEvent } from '../../../src/sources/_qradar/ecs.ts';

describe('loginAttemptEvent', () => {
  it.each(['toString', 'constructor', '__proto__', 'PENDING'])(
    'does not take %s for a result that it knows',
    (attempt_result) => {
      const event = loginAttemptEvent('qradar', { attempt_time: 42, attempt_result });

      expect(event['event.outcome']).toBe('unknown');
      expect(event['qradar.login_attempt.attempt_result']).toBe(attempt_result);
    },
  );
});
