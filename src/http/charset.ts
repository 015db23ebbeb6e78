import { TextDecoder } from 'node:util';

const REPLACEMENT = '\uFFFD';

/** U+FFFD as the sender itself may have sent it. */
const SENT_REPLACEMENT: ReadonlyMap<string, Buffer> = new Map([
  ['utf-8', Buffer.from([0xef, 0xbf, 0xbd])],
  ['utf-16le', Buffer.from([0xfd, 0xff])],
  ['utf-16be', Buffer.from([0xff, 0xfd])],
]);

/** How many bytes of a split U+FFFD can be at the end of a chunk. */
const MAX_SPLIT_BYTES = 2;

const NONE = Buffer.alloc(0);

/** Whether a lower-case name from a header names a charset: `utf-8`, `iso-8859-1`, `charset=utf8`. */
export function isCharset(name: string): boolean {
  return supported(name.replace(/^charset=/, '')) !== undefined;
}

/** A decoded text, and how much of it could not be decoded. */
export interface DecodedText {
  readonly text: string;
  /** The charset that was used, in lower case. */
  readonly charset: string;
  /** How many characters of the text replace bytes that are invalid in this charset. */
  readonly replaced: number;
}

/** Decodes a complete body. */
export function decodeText(body: Buffer, contentType: string | undefined): DecodedText {
  const decoder = new CharsetDecoder(contentType);
  const text = decoder.write(body) + decoder.end();
  return { text, charset: decoder.charset, replaced: decoder.replaced };
}

/**
 * Decodes the bytes of a body as they come. The charset is that of a byte order mark, which is removed; else UTF-16 when
 * zero bytes show it, since the texts here begin with ASCII; else that of the header; else UTF-8. Invalid bytes become
 * U+FFFD and are counted.
 */
export class CharsetDecoder {
  readonly #declared: string | undefined;
  #decoder: TextDecoder | undefined;
  /** The first bytes, until there are enough to know the charset; then the last ones, which may begin a character. */
  #before: Buffer = NONE;
  #replaced = 0;

  /** @param contentType the header, with or without a charset */
  constructor(contentType: string | undefined) {
    this.#declared = declaredCharset(contentType);
  }

  /** The charset that is used, in lower case; the declared one before the first bytes. */
  get charset(): string {
    return this.#decoder?.encoding ?? this.#declared ?? 'utf-8';
  }

  /** How many U+FFFD replace invalid bytes so far. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Decodes the characters that these bytes complete. */
  write(bytes: Buffer): string {
    if (this.#decoder !== undefined) return this.#decode(this.#decoder, bytes, false);
    const start = this.#before.length === 0 ? bytes : Buffer.concat([this.#before, bytes]);
    this.#before = start;
    return start.length < 3 ? '' : this.#begin(start);
  }

  /** Decodes what is left at the end of the body. */
  end(): string {
    const first = this.#decoder === undefined ? this.#begin(this.#before) : '';
    return first + (this.#decoder === undefined ? '' : this.#decode(this.#decoder, NONE, true));
  }

  #begin(start: Buffer): string {
    this.#before = NONE;
    this.#decoder = new TextDecoder(charsetOf(start, this.#declared));
    return this.#decode(this.#decoder, start, false);
  }

  #decode(decoder: TextDecoder, bytes: Buffer, last: boolean): string {
    const text = decoder.decode(bytes, { stream: !last });
    const seen = Buffer.concat([this.#before, bytes.subarray(-MAX_SPLIT_BYTES)]);
    if (text.includes(REPLACEMENT)) {
      this.#replaced += charactersIn(text) - sentIn([this.#before, bytes], decoder.encoding);
    }
    const split = wide(decoder.encoding) ? (this.#before.length + bytes.length) % 2 : MAX_SPLIT_BYTES;
    this.#before = split === 0 ? NONE : seen.subarray(-split);
    return text;
  }
}

function charsetOf(start: Buffer, declared: string | undefined): string {
  const mark = start.toString('hex', 0, 3);
  if (mark === 'efbbbf') return 'utf-8';
  if (mark.startsWith('fffe')) return 'utf-16le';
  if (mark.startsWith('feff')) return 'utf-16be';
  if (/^00(?!00)../.test(mark)) return 'utf-16be';
  if (/^(?!00)..00/.test(mark)) return 'utf-16le';
  return declared ?? 'utf-8';
}

/** The charset of a content type, by its standard name; undefined without one and for one that is not supported. */
function declaredCharset(contentType = ''): string | undefined {
  return supported(/;\s*charset\s*=\s*["']?([^\s"';,]+)/i.exec(contentType)?.[1]);
}

function supported(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    // A RangeError: this charset is not supported.
    return undefined;
  }
}

function charactersIn(text: string): number {
  let found = 0;
  for (let at = text.indexOf(REPLACEMENT); at !== -1; at = text.indexOf(REPLACEMENT, at + 1)) found += 1;
  return found;
}

/** How many U+FFFD the sender itself wrote that end in the second part. */
function sentIn(parts: readonly Buffer[], charset: string): number {
  const bytes = Buffer.concat(parts);
  const sent = SENT_REPLACEMENT.get(charset);
  if (sent === undefined) return 0;
  let found = 0;
  for (let at = bytes.indexOf(sent); at !== -1; at = bytes.indexOf(sent, at + 1)) {
    if (!wide(charset) || at % 2 === 0) found += 1;
  }
  return found;
}

function wide(charset: string): boolean {
  return charset.startsWith('utf-16');
}
