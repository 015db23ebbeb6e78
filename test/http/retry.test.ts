import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  exhaustedFor,
  parseHttpDate,
  retryAfter,
  saysThrottled,
  throttledFor,
} from '../../src/http/retry.ts';

const NOW = Date.parse('2026-03-02T12:00:00Z');
const HOUR = 3_600_000;

describe('retry-after', () => {
  test.each([
    ['seconds', '30', 30_000],
    ['fractions of seconds', '1.5', 1_500],
    ['a date', 'Mon, 02 Mar 2026 12:00:45 GMT', 45_000],
    ['a date of RFC 850', 'Monday, 02-Mar-26 12:00:45 GMT', 45_000],
    ['epoch seconds', String(NOW / 1000 + 20), 20_000],
    ['epoch milliseconds', String(NOW + 20_500), 20_500],
    ['nothing left to wait', '0', 1_000],
    ['a date in the past', 'Mon, 02 Mar 2026 11:00:00 GMT', 1_000],
    ['days', '864000', HOUR],
    ['a header that came twice', '5, 9', 9_000],
  ])('retry-after can be %s', (_what, text, wait) => {
    expect(retryAfter({ 'retry-after': text }, NOW)).toBe(wait);
  });

  test.each(['', 'soon', '-5', '1e3', 'NaN', '12 s'])('an invalid retry-after is ignored: %j', (text) => {
    expect(retryAfter({ 'retry-after': text }, NOW)).toBeUndefined();
  });

  test('the longest of all headers that begin with retry-after counts', () => {
    const headers = { 'retry-after': '3', 'retry-after-public-api': '40', 'x-retry-after': '99' };

    expect(retryAfter(headers, NOW)).toBe(40_000);
  });

  test('the wait is bounded whatever a vendor sends', () => {
    const header = fc.oneof(
      fc.string(),
      fc.nat().map(String),
      fc.double().map(String),
      fc.date().map(String),
    );
    fc.assert(
      fc.property(header, fc.constantFrom('retry-after', 'retry-after-x'), (text, name) => {
        const wait = retryAfter({ [name]: text }, NOW);
        expect(wait === undefined || (wait >= 1_000 && wait <= HOUR)).toBe(true);
      }),
    );
  });

  test('all forms of retry-after mean the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3600 }), (seconds) => {
        const at = NOW + seconds * 1000;
        const forms = [String(seconds), String(at / 1000), String(at), new Date(at).toUTCString()];

        const waits = forms.map((form) => retryAfter({ 'retry-after': form }, NOW));

        expect(new Set(waits)).toEqual(new Set([seconds * 1000]));
      }),
    );
  });
});

describe('reset headers', () => {
  test.each(['x-ratelimit-reset', 'x-ratelimit-reset-public-api', 'ratelimit-reset', 'x-rate-limit-reset'])(
    '%s says how long a throttled client has to wait',
    (name) => {
      expect(throttledFor({ [name]: '12' }, NOW)).toBe(12_000);
    },
  );

  test('reset headers do not count beside a retry-after', () => {
    expect(throttledFor({ 'retry-after-x': '7', 'x-ratelimit-reset': '60' }, NOW)).toBe(7_000);
  });

  test('a reset header counts when its remaining header is 0', () => {
    const headers = {
      'x-ratelimit-remaining-a': '0',
      'x-ratelimit-reset-a': '9',
      'x-ratelimit-remaining-b': '4',
      'x-ratelimit-reset-b': '50',
    };

    expect(exhaustedFor(headers, NOW)).toBe(9_000);
    expect(exhaustedFor({ 'x-ratelimit-remaining': '1', 'x-ratelimit-reset': '9' }, NOW)).toBeUndefined();
    expect(exhaustedFor({ 'x-ratelimit-remaining': '0' }, NOW)).toBeUndefined();
  });
});

test('a response was throttled if it asks to wait or nothing remains', () => {
  expect(saysThrottled({ 'retry-after-public-api': '3' })).toBe(true);
  expect(saysThrottled({ 'x-ratelimit-remaining': '0' })).toBe(true);
  expect(saysThrottled({ 'x-ratelimit-remaining': '' })).toBe(false);
  expect(saysThrottled({ 'x-ratelimit-remaining': '3', 'x-ratelimit-limit': '10' })).toBe(false);
});

test('only HTTP dates are parsed, as epoch milliseconds', () => {
  expect(parseHttpDate('Mon, 02 Mar 2026 12:00:00 GMT')).toBe(NOW);
  expect(parseHttpDate('2026-03-02')).toBeUndefined();
  expect(parseHttpDate(undefined)).toBeUndefined();
});
