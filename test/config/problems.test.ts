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

test('there is no nearest name without candidates', () => {
  expect(nearest('anything', [])).toBeUndefined();
});
