import { expect, test } from 'vitest';
import { explain } from '../../src/core/errors.ts';

test('an error is explained with its causes, and nothing is repeated', () => {
  const refused = new Error('connect ECONNREFUSED');
  const wrapped = new Error('connect ECONNREFUSED', { cause: refused });

  expect(explain(new Error('No answer', { cause: refused }))).toBe('No answer: connect ECONNREFUSED');
  expect(explain(new Error('No answer', { cause: wrapped }))).toBe('No answer: connect ECONNREFUSED');
  expect(explain(new TypeError('', { cause: 'text' }))).toBe('TypeError: text');
});
