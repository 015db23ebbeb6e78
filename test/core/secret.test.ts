import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mask, maskForeign, maskFromNowOn, PassingSecrets, Secret } from '../../src/core/secret.ts';

test('a secret is shown only by reveal()', () => {
  const secret = new Secret('value-of-the-secret');

  expect(`${String(secret)} ${JSON.stringify({ secret })} ${inspect({ secret })}`).toBe(
    '[secret] {"secret":"[secret]"} { secret: [secret] }',
  );
  expect(secret.reveal()).toBe('value-of-the-secret');
});

test('refresh returns whether the value changed, and the old value stays masked', () => {
  let file = 'value-of-monday';
  const secret = new Secret(file).rereadBy(() => file);

  const unchanged = secret.refresh();
  file = 'value-of-tuesday';
  const changed = secret.refresh();

  expect([unchanged, changed, secret.reveal()]).toEqual([false, true, 'value-of-tuesday']);
  expect(mask('value-of-monday, value-of-tuesday')).toBe('[secret], [secret]');
});

test('a secret that was not read from a file is not read again', () => {
  expect(new Secret('fixed-secret').refresh()).toBe(false);
});

test('a secret that is part of another one leaves nothing of it', () => {
  maskFromNowOn('inner-part');
  const outer = new Secret('before-inner-part-after');

  expect(mask(`<${outer.reveal()}>`)).toBe('<[secret]>');
});

test('the credential of an authorization header is masked without its scheme too', () => {
  const header = new Secret('Bearer credential-of-the-header');

  expect(mask(`${header.reveal()} or credential-of-the-header`)).toBe('[secret] or [secret]');
});

test('a value that is not a Secret can be masked too', () => {
  maskFromNowOn('a-piece-of-something');

  expect(mask('x=a-piece-of-something')).toBe('x=[secret]');
});

test('a value of fewer than four characters is not masked', () => {
  maskFromNowOn('abc');

  expect(mask('abcdef')).toBe('abcdef');
});

test('a secret is masked in every encoding and next to any text', () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 });
  const value = fc.string({ unit: 'grapheme', minLength: 12, maxLength: 40 });

  fc.assert(
    fc.property(value, text, text, (value, before, after) => {
      maskFromNowOn(value);
      const encoded = encodeURIComponent(value);
      const base64 = Buffer.from(value).toString('base64');

      for (const form of [value, encoded, base64]) {
        expect(mask(`${before}${form}${after}`)).not.toContain(form);
      }
    }),
    { numRuns: 50 },
  );
});

test('a secret is masked in hexadecimal digits, of either case', () => {
  maskFromNowOn('token-in-hex');
  const digits = Buffer.from('token-in-hex').toString('hex');

  expect(mask(`<${digits}> <00${digits.toUpperCase()}ff>`)).toBe('<[secret]> <00[secret]ff>');
});

test('a secret with a replacement character is found in percent-encoding too', () => {
  const value = 'a secret \uFFFD with one';
  maskFromNowOn(value);

  expect(mask(`<${encodeURIComponent(value)}>`)).toBe('<[secret]>');
});

test('base64 of a longer text shows only the edges of a secret', () => {
  const value = fc.string({ unit: 'grapheme-ascii', minLength: 12, maxLength: 40 });
  const around = fc.string({ unit: 'grapheme-ascii', maxLength: 8 });

  fc.assert(
    fc.property(value, around, around, (value, before, after) => {
      maskFromNowOn(value);
      const encoded = Buffer.from(before + value + after).toString('base64');

      const left = mask(encoded)
        .split('[secret]')
        .map((part) => Buffer.from(part, 'base64').toString('latin1'));

      for (const part of left) expect(part).not.toContain(value.slice(2, -2));
      expect(mask(encoded)).toContain('[secret]');
    }),
    { numRuns: 50 },
  );
});

/** A character in one of the spellings that a writer may choose. Whoever escapes others escapes what begins an escape. */
const SPELLINGS: readonly ((character: string) => string)[] = [
  (character) => ({ '\\': '\\\\', '%': '%25', '&': '&amp;' })[character] ?? character,
  (character) =>
    ({ '\\': '&bsol;', '%': '&percnt;', '<': '&lt;', '"': '&quot;', '&': '&amp;' })[character] ?? character,
  (character) =>
    ({ '\\': '\\\\', '%': '\\x25', '&': '\\046', '/': '\\/', '"': '\\"' })[character] ?? character,
  (character) => [...Buffer.from(character)].map((byte) => `%${hex(byte, 2)}`).join(''),
  (character) => [...Buffer.from(character)].map((byte) => `%${hex(byte, 2).toUpperCase()}`).join(''),
  (character) =>
    units(character)
      .map((unit) => `\\u${hex(unit, 4)}`)
      .join(''),
  (character) =>
    units(character)
      .map((unit) => `\\u${hex(unit, 4).toUpperCase()}`)
      .join(''),
  (character) => `&#${character.codePointAt(0)};`,
  (character) => `&#x${hex(character.codePointAt(0) ?? 0, 1)};`,
  (character) => `&#X${hex(character.codePointAt(0) ?? 0, 6).toUpperCase()};`,
];

function spelled(text: string, spell: (character: string, index: number) => string): string {
  return Array.from(text, spell).join('');
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

function units(character: string): number[] {
  return Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
}

const spelling = fc.constantFrom(...SPELLINGS);
const secretText = fc.string({ unit: 'grapheme-ascii', minLength: 4, maxLength: 40 });

test('a secret of four characters or more is found in any spelling, each character in another one', () => {
  fc.assert(
    fc.property(
      secretText,
      fc.array(spelling, { minLength: 40, maxLength: 40 }),
      spelling,
      (value, each, outer) => {
        maskFromNowOn(value);
        const once = spelled(value, (character, index) => each[index]!(character));
        const twice = spelled(once, outer);

        expect(maskForeign(`<${once}> <${twice}>`)).toMatch(/^<.*\[secret\].*> <.*\[secret\].*>$/s);
        expect(Buffer.from(maskForeign(`${once}\0${twice}`)).includes(once)).toBe(value === '[secret]');
      },
    ),
    { numRuns: 300 },
  );
});

test.each(['base64', 'base64url'] as const)(
  '%s of a secret, or of a user and password pair with it, is found',
  (encoding) => {
    fc.assert(
      fc.property(secretText, fc.constantFrom('', 'u:', 'us:', 'use:'), spelling, (value, user, spell) => {
        maskFromNowOn(value);
        const encoded = Buffer.from(user + value).toString(encoding);
        const shown = maskForeign(`{"echo":"${spelled(encoded, spell)}"}`);

        expect(shown).toContain('[secret]');
        const [, left = ''] = /"echo":"(.*?)"/.exec(shown) ?? [];
        for (const part of left.split('[secret]')) {
          expect(Buffer.from(part, 'base64').toString('latin1')).not.toContain(value.slice(1));
        }
      }),
      { numRuns: 200 },
    );
  },
);

test('the end of a text that was cut within a secret shows no part of it', () => {
  maskFromNowOn('q7-Zk-2026/very-long-one');

  for (const end of ['q7-Zk-2026/very-lon', 'q7-Z', 'q7%2DZk%2d2026%2Fver']) {
    expect(maskForeign(`cut: ${end}`)).toBe('cut: [secret]');
  }
});

test('a Basic header shows neither its pair nor the password', () => {
  const header = new Secret(`Basic ${Buffer.from('us:p4ss-w0rd').toString('base64')}`);

  expect(maskForeign(`${header.reveal()}, us:p4ss-w0rd, p4ss-w0rd`)).toBe('[secret], [secret], [secret]');
});

test('a secret that is a plain word is masked in foreign text, and our own text keeps the word', () => {
  maskFromNowOn('wrong');

  expect(maskForeign('it said: wrong')).toBe('it said: [secret]');
  expect(mask('Check the token: it may be wrong, expired or revoked.')).toContain('may be wrong, expired');
});

test('text without secrets is not changed, also where it looks like an escape', () => {
  for (const text of [
    '100%',
    '%zz%4',
    '&nosuch; & &#99999999;',
    String.raw`C:\users\new \u12`,
    '%C3%28',
    '😀 %F0%9F%98%80',
  ]) {
    expect(maskForeign(text)).toBe(text);
  }
});

test('the time of masking grows with the length of the text alone', () => {
  for (let count = 0; count < 3_000; count += 1) maskFromNowOn(`token-${count}-of-many-consoles`);
  const text = '%25%41&amp;\\u0041token-'.repeat(20_000);
  const started = performance.now();

  maskForeign(text);

  // Quadratic would be minutes.
  expect(performance.now() - started).toBeLessThan(10_000);
});

test('of values that change often, only the latest are masked, in every encoding', () => {
  const tokens = new PassingSecrets(2);

  for (let n = 1; n <= 50; n += 1) tokens.add(`Bearer token-number-${n}.`);

  const base64 = Buffer.from('x token-number-50. y').toString('base64');
  expect(mask('token-number-48. token-number-49. token-number-50.')).toBe(
    'token-number-48. [secret] [secret]',
  );
  expect(maskForeign(base64)).toContain('[secret]');
  tokens.clear();
  expect(mask(`token-number-50. ${base64}`)).toBe(`token-number-50. ${base64}`);
});

test('a value that is also a lasting secret stays masked', () => {
  const tokens = new PassingSecrets(1);
  maskFromNowOn('both-of-them-know-this');
  tokens.add('both-of-them-know-this');

  tokens.clear();

  expect(mask('both-of-them-know-this')).toBe('[secret]');
});

test('forgetting some of many values that begin alike leaves the others masked', () => {
  const [one, other] = [new PassingSecrets(100), new PassingSecrets(100)];
  const values = Array.from({ length: 100 }, (_, index) => `eyJhbGciOiJSUzI1NiJ9.${index + 100}`);
  for (const [index, value] of values.entries()) (index % 2 === 0 ? one : other).add(value);

  one.clear();

  expect(values.map(mask)).toEqual(values.map((value, index) => (index % 2 === 0 ? value : '[secret]')));
  other.clear();
  expect(values.map(mask)).toEqual(values);
});
