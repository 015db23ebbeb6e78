/** Bytes of a well-formed string in UTF-8. */
export function utf8(text: string): number {
  return isPlain(text) ? text.length : Buffer.byteLength(text);
}

/** Longer strings are looked at faster by native code. */
const SHORT = 64;

/** Whether a string is short and of one byte to a character in UTF-8 and in JSON, as nearly all are. */
export function isPlain(text: string): boolean {
  if (text.length > SHORT) return false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code > 0x7e || code === QUOTE || code === BACKSLASH) return false;
  }
  return true;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
