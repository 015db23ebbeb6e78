import { expect, test } from 'vitest';
import { nearest } from '../../src/config/problems.ts';

test.each([
  ['pagesize', 'page_size'],
  ['tokn', 'token'],
  ['TOKEN', 'token'],
  ['schedual', 'schedule'],
])('the nearest name to %s is %s', (name, expected) => {
  expect(nearest(name, ['page_size', 'schedule', 'token'])).toBe(expected);
});

test('a name that is only begun stands for the candidate that it begins', () => {
  expect(nearest('qradar', ['petra-incidents', 'qradar-login-attempts'])).toBe('qradar-login-attempts');
});

test.each(['colour', 'x', 'ab'])('no candidate is near to %s', (name) => {
  expect(nearest(name, ['admin', 'log', 'state', 'absent'])).toBeUndefined();
});

test('there is no nearest name without candidates', () => {
  expect(nearest('anything', [])).toBeUndefined();
});
