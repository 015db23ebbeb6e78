import { describe, expect, it } from 'vitest';
import { normaliser } from '../../../src/sources/_qradar/normalise.ts';

describe('normaliser', () => {
  it.each(['toString', 'constructor', '__proto__', 'PENDING'])(
    'the result %s is not mistaken for a known one',
    (attempt_result) => {
      const event = normaliser('qradar')({ attempt_time: 42, attempt_result });

      expect(event['event.outcome']).toBe('unknown');
      expect(event['qradar.login_attempt.attempt_result']).toBe(attempt_result);
    },
  );

  it.each([
    [{ username: 'goran', user_id: '7', attempt_result: 'SUCCESS' }, 'goran logged in from 10.20.0.9'],
    [{ user_id: '7', attempt_result: 'SUCCESS' }, 'User 7 logged in from 10.20.0.9'],
    [{ username: 'goran', attempt_result: 'FAILURE' }, 'goran failed to log in from 10.20.0.9'],
    [{ attempt_result: 'FAILURE', remote_ip: '' }, 'An unknown user failed to log in'],
    [{ username: 'goran', attempt_result: 'PENDING' }, 'goran tried to log in from 10.20.0.9'],
  ])('the message of %j is %s', (attempt, message) => {
    const event = normaliser('qradar')({ attempt_time: 42, remote_ip: '10.20.0.9', ...attempt });

    expect(event['message']).toBe(message);
  });

  it.each(['LOGIN_PAGE', 'HTTP_BASIC', undefined])(
    'event.action is login by any method (%s), which stays in the vendor’s field',
    (attempt_method) => {
      const event = normaliser('jsa')({ attempt_time: 42, attempt_method });

      expect(event['event.action']).toBe('login');
      expect(event['jsa.login_attempt.attempt_method']).toBe(attempt_method);
    },
  );
});
