import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CharsetDecoder, type DecodedText, decodeText } from '../../src/http/charset.ts';

const WORDS = '["Grüße, 你好 😀"]';

function utf16be(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}

describe('charsets', () => {
  test.each([
    ['application/json', Buffer.from(WORDS), WORDS],
    [undefined, Buffer.from(`\uFEFF${WORDS}`), WORDS],
    ['application/json; charset=iso-8859-1', Buffer.from('["Grüße"]', 'latin1'), '["Grüße"]'],
    ['text/json;Charset="ISO-8859-1"', Buffer.from('["Grüße"]', 'latin1'), '["Grüße"]'],
    ['application/json; charset=windows-1252', Buffer.from([0x22, 0x80, 0x22]), '"€"'],
    ['application/json; charset=shift_jis', Buffer.from([0x22, 0x93, 0xfa, 0x22]), '"日"'],
    ['application/json; charset=utf-16', Buffer.from(`\uFEFF${WORDS}`, 'utf16le'), WORDS],
    ['application/json; charset=utf-16', utf16be(`\uFEFF${WORDS}`), WORDS],
    ['application/json; charset=utf-16', utf16be(WORDS), WORDS],
    ['application/json; charset=utf-16le', Buffer.from(WORDS, 'utf16le'), WORDS],
    ['application/json; charset=UTF-16BE', utf16be(WORDS), WORDS],
    ['application/json; charset=utf-8', utf16be(WORDS), WORDS],
    [undefined, Buffer.from(WORDS, 'utf16le'), WORDS],
    ['application/json; charset=iso-8859-1', Buffer.from(`\uFEFF${WORDS}`), WORDS],
    ['application/json; charset=nobody-knows', Buffer.from(WORDS), WORDS],
    [undefined, Buffer.alloc(0), ''],
  ])('the charset of a text follows from %s and its first bytes (%#)', (contentType, body, text) => {
    expect(decodeText(body, contentType)).toMatchObject({ text, replaced: 0 });
  });
});

describe('invalid bytes', () => {
  test.each([
    [undefined, Buffer.from('["Grüße"]', 'latin1'), '["Gr\uFFFD\uFFFDe"]', 2],
    [undefined, Buffer.from('["\uFFFD"]'), '["\uFFFD"]', 0],
    [
      undefined,
      Buffer.concat([Buffer.from('"\uFFFD'), Buffer.from([0xff]), Buffer.from('"')]),
      '"\uFFFD\uFFFD"',
      1,
    ],
    [undefined, Buffer.from([0x22, 0x61, 0xe4, 0xbd]), '"a\uFFFD', 1],
    ['x/y; charset=utf-16le', Buffer.from('"\uFFFD\uD83D"', 'utf16le'), '"\uFFFD\uFFFD"', 1],
    ['x/y; charset=utf-16le', Buffer.from('"ab"', 'utf16le').subarray(0, 7), '"ab\uFFFD', 1],
  ])('invalid bytes are replaced and counted (%#)', (contentType, body, text, replaced) => {
    expect(decodeText(body, contentType)).toMatchObject({ text, replaced });
  });

  test('chunks of any size decode to the same text and count', () => {
    const soup = fc.array(
      fc.oneof(
        fc.constantFrom('\uFFFD', 'ü', '😀', 'plain').map((text) => Buffer.from(text)),
        fc.uint8Array({ minLength: 1, maxLength: 5 }).map((bytes) => Buffer.from(bytes)),
      ),
      { maxLength: 20 },
    );
    const charsets = fc.constantFrom('utf-8', 'utf-16le', 'utf-16be', 'iso-8859-1', 'shift_jis');
    fc.assert(
      fc.property(soup, charsets, fc.integer({ min: 1, max: 9 }), (parts, charset, size) => {
        const body = Buffer.concat(parts);
        const type = `application/json; charset=${charset}`;
        const decoder = new CharsetDecoder(type);
        let text = '';
        for (let at = 0; at < body.length; at += size) text += decoder.write(body.subarray(at, at + size));
        text += decoder.end();

        const whole = decodeText(body, type);
        expect({ text, charset: decoder.charset, replaced: decoder.replaced }).toEqual(whole);
        expect(whole.replaced).toBe(strangersIn(body, whole));
      }),
    );
  });
});

/** Counted another way, for UTF-8: without those that the sender wrote himself. */
function strangersIn(body: Buffer, { charset, replaced }: DecodedText): number {
  if (charset !== 'utf-8') return replaced;
  const own = Buffer.from(body.toString('latin1').replaceAll('\xEF\xBF\xBD', '!'), 'latin1');
  return own.toString('utf8').split('\uFFFD').length - 1;
}
