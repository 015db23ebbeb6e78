import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mask, maskFromNowOn, Secret } from '../../src/config/secret.ts';

test('a secret shows itself to nobody who does not ask for it', () => {
  const secret = new Secret('value-of-the-secret');

  expect(`${String(secret)} ${JSON.stringify({ secret })} ${inspect({ secret })}`).toBe(
    '[secret] {"secret":"[secret]"} { secret: [secret] }',
  );
  expect(secret.reveal()).toBe('value-of-the-secret');
});

test('reading again tells whether it changed, and the old value stays masked', () => {
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

test('what is no Secret of its own can be masked too', () => {
  maskFromNowOn('a-piece-of-something');

  expect(mask('x=a-piece-of-something')).toBe('x=[secret]');
});

test('a value too short to be a secret does not riddle the text', () => {
  maskFromNowOn('abc');

  expect(mask('abcdef')).toBe('abcdef');
});

test('a secret never comes through, in no encoding and beside any text', () => {
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

test('base64 of a longer text shows no more of a secret than its edges', () => {
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
