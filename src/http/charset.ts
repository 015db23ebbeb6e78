import { TextDecoder } from 'node:util';

const REPLACEMENT = '\uFFFD';

/** U+FFFD as a sender may write it himself. */
const WRITTEN: ReadonlyMap<string, Buffer> = new Map([
  ['utf-8', Buffer.from([0xef, 0xbf, 0xbd])],
  ['utf-16le', Buffer.from([0xfd, 0xff])],
  ['utf-16be', Buffer.from([0xff, 0xfd])],
]);

/** As many bytes of U+FFFD as can lie before the end of a piece. */
const MARGIN = 2;

const NONE = Buffer.alloc(0);

/** Whether a name (in lower case, as in a header) is one of a charset: `utf-8`, `iso-8859-1`, `charset=utf8`. */
export function isCharset(name: string): boolean {
  return supported(name.replace(/^charset=/, '')) !== undefined;
}

/** A text, and what was lost on the way to it. */
export interface DecodedText {
  readonly text: string;
  /** The charset that was used, in lower case. */
  readonly charset: string;
  /** How many characters of the text stand for bytes that are none in this charset. */
  readonly replaced: number;
}

/** The text of a body that is whole. */
export function decodeText(body: Buffer, contentType: string | undefined): DecodedText {
  const decoder = new CharsetDecoder(contentType);
  const text = decoder.write(body) + decoder.end();
  return { text, charset: decoder.charset, replaced: decoder.replaced };
}

/**
 * Makes text of the bytes of a body, as they come. A byte order mark tells the charset, and is left out; else zero
 * bytes tell UTF-16 from others, since the texts here begin with ASCII; else the header does; else it is UTF-8, as for
 * a charset that is not known. Bytes that are no character become U+FFFD and are counted.
 */
export class CharsetDecoder {
  readonly #declared: string | undefined;
  #decoder: TextDecoder | undefined;
  /** The first bytes, until there are enough to know the charset; then the last ones, for a character that is split. */
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

  /** How many U+FFFD stand for bytes that are no character, so far. */
  get replaced(): number {
    return this.#replaced;
  }

  /** The characters that are complete with these bytes. */
  write(bytes: Buffer): string {
    if (this.#decoder !== undefined) return this.#decode(this.#decoder, bytes, false);
    const start = this.#before.length === 0 ? bytes : Buffer.concat([this.#before, bytes]);
    this.#before = start;
    return start.length < 3 ? '' : this.#begin(start);
  }

  /** What is left, when there are no more bytes. */
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
    const seen = Buffer.concat([this.#before, bytes.subarray(-MARGIN)]);
    if (text.includes(REPLACEMENT)) {
      this.#replaced += charactersIn(text) - genuineIn([this.#before, bytes], decoder.encoding);
    }
    const split = wide(decoder.encoding) ? (this.#before.length + bytes.length) % 2 : MARGIN;
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

/** The charset of a content type, as this platform names it; undefined for none, and for one that it does not know. */
function declaredCharset(contentType = ''): string | undefined {
  return supported(/;\s*charset\s*=\s*["']?([^\s"';,]+)/i.exec(contentType)?.[1]);
}

function supported(label: string | undefined): string | undefined {
  if (label === undefined) return undefined;
  try {
    return new TextDecoder(label).encoding;
  } catch {
    // A RangeError: no charset that is known here.
    return undefined;
  }
}

function charactersIn(text: string): number {
  let found = 0;
  for (let at = text.indexOf(REPLACEMENT); at !== -1; at = text.indexOf(REPLACEMENT, at + 1)) found += 1;
  return found;
}

/** How many U+FFFD the sender itself wrote that end in the second part. */
function genuineIn(parts: readonly Buffer[], charset: string): number {
  const bytes = Buffer.concat(parts);
  const written = WRITTEN.get(charset);
  if (written === undefined) return 0;
  let found = 0;
  for (let at = bytes.indexOf(written); at !== -1; at = bytes.indexOf(written, at + 1)) {
    if (!wide(charset) || at % 2 === 0) found += 1;
  }
  return found;
}

function wide(charset: string): boolean {
  return charset.startsWith('utf-16');
}
