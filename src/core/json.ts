/** Anything that JSON can carry, and integers beyond 2^53 as BigInt. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface ParseOptions {
  /** Names of number fields that are returned as the decimal text of the sender, because a double is not exact enough. */
  readonly decimalText?: readonly string[] | undefined;
}

/** Only a number with this many digits can be beyond 2^53. */
const MANY_DIGITS = 16;
const LONG_NUMBER = new RegExp(`\\d{${MANY_DIGITS}}`);

/**
 * Parses JSON without losing digits: integers outside ±(2^53 − 1) become BigInt.
 * @param longNumbers false: no number of the text has so many digits, so that it is parsed the fast way
 * @throws SyntaxError when the text is not JSON
 */
export function parseJson(
  text: string,
  { decimalText = [] }: ParseOptions = {},
  longNumbers = LONG_NUMBER.test(text),
): unknown {
  if (decimalText.length === 0 && !longNumbers) return JSON.parse(text);
  return JSON.parse(
    text,
    function exact(this: unknown, key: string, value: unknown, context?: { source?: string }) {
      if (typeof value !== 'number' || context?.source === undefined) return value;
      if (decimalText.includes(key)) return context.source;
      return Number.isSafeInteger(value) || !/^-?\d+$/.test(context.source) ? value : BigInt(context.source);
    },
  );
}

/** The JSON text of a value; BigInt is written as its digits. Keys keep their order. */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // It contains a BigInt, which costs a call for each member; or it cannot be written, and this call throws the reason.
    return JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'bigint' ? (JSON as unknown as RawJson).rawJSON(member.toString()) : member,
    );
  }
}

/** A value as it is after it was stored as JSON and read again: without the members that are undefined. */
export function asJson(value: object): Json {
  return parseJson(toJson(value)) as Json;
}

interface RawJson {
  rawJSON(text: string): unknown;
}

/** Where one JSON value is in a text, and how much parsing it would cost. */
export interface Extent {
  /** Offsets of its first byte and of the byte after its last one. */
  readonly from: number;
  readonly to: number;
  /** How deep arrays and objects are nested in it; 0 for a scalar. */
  readonly depth: number;
  /** The value itself and all values in it. */
  readonly values: number;
  /** Whether a number in it may be beyond 2^53, see `parseJson`. */
  readonly longNumbers: boolean;
}

export const CODE = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  openList: 0x5b,
  closeList: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

const [BACKSLASH, MINUS, PLUS, POINT, ZERO, NINE, LOWER_U] = [0x5c, 0x2d, 0x2b, 0x2e, 0x30, 0x39, 0x75];
/** The code of a closing bracket is that of its opening bracket plus this. */
const TO_CLOSE = 2;
/** Characters that may follow a backslash, besides `u`. */
const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));
const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/**
 * Scans JSON in UTF-8 without creating values, as strictly as `JSON.parse`. It does not recurse, so that no nesting
 * overflows the stack, and it takes time in proportion to the text.
 * @throws SyntaxError from every method when the text is not JSON
 */
export class JsonScanner {
  readonly bytes: Uint8Array;
  /** Offset of the next byte to read. */
  at: number;
  readonly #open = new OpenStack();
  #from = 0;
  #depth = 0;
  #values = 0;
  #longNumbers = false;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** The next byte that is not white space, without passing it; undefined at the end. */
  peek(): number | undefined {
    let code = this.bytes[this.at];
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) code = this.bytes[++this.at];
    return code;
  }

  /** Passes this byte if it is the next one. */
  skip(code: number): boolean {
    if (this.peek() !== code) return false;
    this.at += 1;
    return true;
  }

  /** Passes this byte; it must be the next one. */
  take(code: number): void {
    if (!this.skip(code)) this.#fail();
  }

  /** Requires the end of the text. */
  end(): void {
    if (this.peek() !== undefined) this.#fail();
  }

  /** Passes the name of a member and its colon. */
  name(): Pick<Extent, 'from' | 'to'> {
    if (this.peek() !== CODE.quote) this.#fail();
    const from = this.at;
    this.#string();
    const to = this.at;
    this.take(CODE.colon);
    return { from, to };
  }

  /** Passes one value. */
  value(): Extent {
    this.begin();
    return this.advance(Infinity) as Extent;
  }

  /** Starts passing one value; call `advance` until it returns the extent. */
  begin(): void {
    this.peek();
    this.#from = this.at;
    [this.#depth, this.#values, this.#longNumbers] = [0, 0, false];
  }

  /** Continues with the value up to about this byte. Returns undefined when the end of the value is not reached. */
  advance(to: number): Extent | undefined {
    while (this.at < to) {
      this.#values += 1;
      if (this.#enter() || this.#next()) continue;
      const longNumbers = this.#longNumbers;
      return { from: this.#from, to: this.at, depth: this.#depth, values: this.#values, longNumbers };
    }
    return undefined;
  }

  /** Passes a scalar, or the start of an array or object. Returns true when that has members. */
  #enter(): boolean {
    const code = this.peek();
    if (code !== CODE.openList && code !== CODE.openObject) {
      this.#scalar(code);
      return false;
    }
    this.at += 1;
    this.#depth = Math.max(this.#depth, this.#open.size + 1);
    if (this.skip(code + TO_CLOSE)) return false;
    this.#open.push(code);
    if (code === CODE.openObject) this.name();
    return true;
  }

  /** Passes everything between this value and the next one. Returns false when there is none. */
  #next(): boolean {
    for (let kind = this.#open.top; kind !== undefined; kind = this.#open.top) {
      if (this.skip(CODE.comma)) {
        if (kind === CODE.openObject) this.name();
        return true;
      }
      this.take(kind + TO_CLOSE);
      this.#open.pop();
    }
    return false;
  }

  #scalar(code: number | undefined): void {
    if (code === CODE.quote) return this.#string();
    if (code === MINUS || isDigit(code)) return this.#number();
    const literal = LITERALS.find((word) => word[0] === code);
    if (literal === undefined || !literal.every((byte, index) => this.bytes[this.at + index] === byte)) {
      this.#fail();
    }
    this.at += literal.length;
  }

  #string(): void {
    this.at += 1;
    for (;;) {
      const code = this.bytes[this.at];
      this.at += 1;
      if (code === CODE.quote) return;
      if (code === undefined || code < 0x20) this.#fail();
      if (code === BACKSLASH) this.#escape();
    }
  }

  #escape(): void {
    const code = this.bytes[this.at] ?? 0;
    this.at += 1;
    if (code !== LOWER_U) {
      if (!ESCAPED.has(code)) this.#fail();
      return;
    }
    for (const end = this.at + 4; this.at < end; this.at += 1) if (!isHex(this.bytes[this.at])) this.#fail();
  }

  #number(): void {
    const from = this.at;
    this.#decimal();
    if (this.at - from >= MANY_DIGITS) this.#longNumbers = true;
  }

  #decimal(): void {
    if (this.bytes[this.at] === MINUS) this.at += 1;
    if (this.bytes[this.at] === ZERO) this.at += 1;
    else this.#digits();
    if (this.bytes[this.at] === POINT) {
      this.at += 1;
      this.#digits();
    }
    if (((this.bytes[this.at] ?? 0) | 0x20) !== 0x65) return;
    this.at += 1;
    if (this.bytes[this.at] === PLUS || this.bytes[this.at] === MINUS) this.at += 1;
    this.#digits();
  }

  #digits(): void {
    if (!isDigit(this.bytes[this.at])) this.#fail();
    while (isDigit(this.bytes[this.at])) this.at += 1;
  }

  #fail(): never {
    // The message must not contain the text: it goes to the log.
    throw new SyntaxError(`Invalid JSON at byte ${this.at}.`);
  }
}

function isDigit(code: number | undefined): boolean {
  return code !== undefined && code >= ZERO && code <= NINE;
}

function isHex(code = 0): boolean {
  const lower = code | 0x20;
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66);
}

/** The arrays and objects around the current value, one byte each: there may be as many as the text has bytes. */
class OpenStack {
  #codes = new Uint8Array(16);
  size = 0;

  get top(): number | undefined {
    return this.size === 0 ? undefined : this.#codes[this.size - 1];
  }

  push(code: number): void {
    if (this.size === this.#codes.length) {
      const longer = new Uint8Array(2 * this.size);
      longer.set(this.#codes);
      this.#codes = longer;
    }
    this.#codes[this.size] = code;
    this.size += 1;
  }

  pop(): void {
    this.size -= 1;
  }
}
