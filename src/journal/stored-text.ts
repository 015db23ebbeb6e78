/**
 * Characters that SQLite's text cannot hold safely: half a surrogate pair has no UTF-8, a NUL ends the text for some tools,
 * U+10FFFF is the end of a prefix's range. And the backslash, which begins their escapes.
 */
const SPECIAL = /[\\\0\u{10FFFF}\p{Surrogate}]/gu;
const ANY_SPECIAL = new RegExp(SPECIAL.source, 'u');

/**
 * Text of a vendor as the state stores it: well-formed, and different for different texts. A UTF-16 unit that cannot be
 * stored becomes `\` and four hexadecimal digits.
 */
export function toStored(text: string): string {
  return ANY_SPECIAL.test(text) ? text.replaceAll(SPECIAL, escaped) : text;
}

/** Reverses `toStored`. */
export function fromStored(stored: string): string {
  if (!stored.includes('\\')) return stored;
  return stored.replaceAll(/\\([0-9a-f]{4})/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 16)),
  );
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}
