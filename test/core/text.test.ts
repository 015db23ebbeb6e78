import fc from 'fast-check';
import { expect, test, it } from 'vitest';
import {
  counted,
  printable,
  printableJson,
  printableLines,
  printableValue,
  showDuration,
} from '../../src/core/text.ts';

/** What a terminal would act on. */
const ACTS = /[\p{Cc}\p{Cs}\u2028\u2029\u200E\u200F\u202A-\u202E\u2060-\u206F\u061C\uFEFF\u00AD]/u;

/** Text with much of it. */
const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      '\u001B',
      '\u0007',
      '\n',
      '\r',
      '\t',
      '\u009B',
      '\u202E',
      '\u2066',
      '\u2028',
      '\uD83D',
      '\u007F',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  ),
});

test('printable text has no characters that control a terminal', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(printable(text)).not.toMatch(ACTS);
      expect(printableLines(text).replaceAll('\n', '')).not.toMatch(ACTS);
      expect(printableLines(text).split('\n')).toHaveLength(text.split('\n').length);
    }),
  );
});

test('control characters are shown as escapes, and all others are kept', () => {
  expect(printable('a\u001B]0;owned\u0007b\u001B[2J')).toBe(String.raw`a\u001b]0;owned\u0007b\u001b[2J`);
  expect(printable('two\r\nlines\tand\u0085C1')).toBe(String.raw`two\r\nlines\tand\u0085C1`);
  expect(printable('abc\u202Efdp.exe\uD83D')).toBe(String.raw`abc\u202efdp.exe\ud83d`);
  expect(printable('\u{E0041}')).toBe(String.raw`\udb40\udc41`);
  expect(printable('Zoë 日本 👩\u200D🚀 می\u200Cخواهم')).toBe('Zoë 日本 👩\u200D🚀 می\u200Cخواهم');
});

test('printable JSON has the same value', () => {
  fc.assert(
    fc.property(fc.dictionary(hostile, fc.oneof(hostile, fc.array(hostile), fc.double())), (value) => {
      const json = JSON.stringify(value);

      expect(printableJson(json)).not.toMatch(ACTS);
      expect(JSON.parse(printableJson(json))).toEqual(JSON.parse(json));
    }),
  );
});

test('the lines of an error’s stack are kept', () => {
  expect(printableValue({ a: ['b\n'], error: { message: 'c\n', stack_trace: 'd\n\u001B' } })).toEqual({
    a: [String.raw`b\n`],
    error: { message: String.raw`c\n`, stack_trace: 'd\n' + String.raw`\u001b` },
  });
});

it.each([
  [0, '0s'],
  [499, '0s'],
  [1_500, '2s'],
  [90_000, '1m 30s'],
  [86_400_000, '1d'],
  [90_061_000, '1d 1h 1m 1s'],
])('shows %i ms as %s', (ms, text) => {
  expect(showDuration(ms)).toBe(text);
});

test.each([
  [0, '0 streams'],
  [1, '1 stream'],
  [1_200, '1,200 streams'],
])('%s streams are counted as %s', (count, words) => {
  expect(counted(count, 'stream')).toBe(words);
});

it('a count takes the plural that it is given', () => {
  expect([1, 2].map((count) => counted(count, 'entry', 'entries'))).toEqual(['1 entry', '2 entries']);
});
