import { expect, test } from 'vitest';
import { nearest } from '../../src/config/problems.ts';

test.each([
  ['pagesize', 'page_size'],
  ['tokn', 'token'],
  ['TOKEN', 'token'],
  ['schedual', 'schedule'],
])('%s means %s', (name, expected) => {
  expect(nearest(name, ['page_size', 'schedule', 'token'])).toBe(expected);
});

test('there is none among none', () => {
  expect(nearest('anything', [])).toBeUndefined();
});
