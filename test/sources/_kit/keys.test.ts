import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonical, keyText, malformedKeys, Ordinals, sorted } from '../../../src/sources/_kit/keys.ts';

test.each([
  [5, '5'],
  ['5', '5'],
  [5.0, '5'],
  [9_007_199_254_740_993n, '9007199254740993'],
  [true, 'true'],
  [['b', { y: 1, x: 2n }], '["b",{"x":2,"y":1}]'],
  ['', undefined],
  [null, undefined],
  [undefined, undefined],
])('the canonical text of %o is %s', (value, text) => {
  expect(canonical(value)).toBe(text);
});

test('keys of several values are never the same for other values', () => {
  const texts = fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      expect(keyText(one, true) === keyText(other, true)).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
  expect([keyText(['a'], false), keyText(['a'], true), keyText(['a', 'b'], false)]).toEqual([
    'a',
    '["a"]',
    '["a","b"]',
  ]);
});

test('the order of members does not count, that of a list does', () => {
  const one = { b: [1, { d: 1, c: 2 }], a: null };
  expect(JSON.stringify(sorted(one))).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
  expect(sorted([2, 1])).toEqual([2, 1]);
});

test('equal names are numbered, and malformed records have the same keys at the next reading', () => {
  const ordinals = new Ordinals();
  expect(['a', 'b', 'a'].map((name) => ordinals.next(name))).toEqual([0, 0, 1]);

  const rows = [{ x: 1 }, 'text', { x: 1 }];
  const first = rows.map(malformedKeys());
  expect(rows.map(malformedKeys())).toEqual(first);
  expect(new Set(first).size).toBe(3);
});
