/** Reads and writes protobuf's wire format (protobuf.dev/programming-guides/encoding), as far as OTLP logs need it. */

/** The first buffer of a writer, and the largest that it keeps for what it writes next. Bytes. */
const INITIAL = 65_536;
const KEPT = 4_194_304;

/** The most bytes of a varint. */
const VARINT = 10;

/** Strings up to this length are copied character by character while they are ASCII, which a native call is slower at. */
const LONGEST_COPIED = 48;

const TWO_32 = 2 ** 32;

/** A buffer that grows, and what is written to it. */
export class ProtobufWriter {
  /** Bytes written since the last `take`. A caller may set it back, to drop what it wrote after that. */
  length = 0;
  #bytes = Buffer.allocUnsafeSlow(INITIAL);

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** A whole number from −2^63 to 2^63 (exclusive), in two's complement. */
  varint(value: number): void {
    this.#reserve(VARINT);
    let low = value >>> 0;
    let high = Math.floor(value / TWO_32) >>> 0;
    while (high > 0 || low > 0x7f) {
      this.#bytes[this.length++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#bytes[this.length++] = low;
  }

  /** A fixed64 by its two halves, each an unsigned 32-bit integer. */
  fixed64(low: number, high: number): void {
    this.#reserve(8);
    this.#bytes.writeUInt32LE(low, this.length);
    this.#bytes.writeUInt32LE(high, this.length + 4);
    this.length += 8;
  }

  double(value: number): void {
    this.#reserve(8);
    this.length = this.#bytes.writeDoubleLE(value, this.length);
  }

  /** The length of a string in UTF-8 and the string. A lone surrogate becomes U+FFFD. */
  text(text: string): void {
    if (text.length <= LONGEST_COPIED && this.#ascii(text)) return;
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.#reserve(size);
    this.length += this.#bytes.write(text, this.length, 'utf8');
  }

  /** Bytes that are encoded already. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Starts a message whose length is expected to take `room` bytes. Returns where it starts, for `close`. */
  open(room: 1 | 2): number {
    this.#reserve(room);
    this.length += room;
    return this.length;
  }

  /** Writes the length of the message that starts at `start` before it, moving the message where the room differs. */
  close(start: number, room: 1 | 2): void {
    const size = this.length - start;
    const needed = sizeOfVarint(size);
    this.#reserve(VARINT);
    if (needed !== room) {
      this.#bytes.copyWithin(start - room + needed, start, this.length);
    }
    this.length = start - room;
    this.varint(size);
    this.length += size;
  }

  /** A copy of what was written from `start` on. */
  copy(start: number): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(start, this.length));
  }

  /** All that was written; the next bytes are written to an empty buffer. */
  take(): Uint8Array {
    const { buffer, length: capacity } = this.#bytes;
    // A copy of a page of many MiB would double its memory, so its buffer is handed over.
    const taken = capacity > KEPT ? new Uint8Array(buffer, 0, this.length) : this.copy(0);
    if (capacity > KEPT) this.#bytes = Buffer.allocUnsafeSlow(INITIAL);
    this.length = 0;
    return taken;
  }

  #ascii(text: string): boolean {
    this.#reserve(1 + LONGEST_COPIED);
    const bytes = this.#bytes;
    const { length } = text;
    let at = this.length + 1;
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    bytes[this.length] = length;
    this.length = at;
    return true;
  }

  #reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.#bytes.length) return;
    const longer = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    longer.set(this.#bytes.subarray(0, this.length));
    this.#bytes = longer;
  }
}

/** Bytes that a length takes as a varint. */
export function sizeOfVarint(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left /= 0x80) bytes += 1;
  return bytes;
}

/** What follows a tag, by its lowest three bits. */
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** Passes over a message, field by field. Throws `RangeError` where the bytes end too early. */
export class ProtobufReader {
  readonly bytes: Buffer;
  /** Offset of the next byte. */
  at = 0;

  /** Reads the bytes in place. */
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The next varint as a signed 64-bit integer; exact where a double can hold it, as in all that `varint` wrote. */
  varint(): number {
    const first = this.bytes[this.at];
    // Nearly every number here is one byte.
    if (first !== undefined && first < 0x80) {
      this.at += 1;
      return first;
    }
    let [low, high] = [0, 0];
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new RangeError('A message ends within a number.');
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) [low, high] = [low | (bits << 28), bits >>> 4];
      else high |= bits << (shift - 32);
      if (byte < 0x80) return high * TWO_32 + (low >>> 0);
    }
    throw new RangeError('A varint has more than ten bytes.');
  }

  double(): number {
    this.at += 8;
    return this.bytes.readDoubleLE(this.at - 8);
  }

  /** The halves of a fixed64, low and high, as unsigned 32-bit integers. */
  fixed64(): readonly [number, number] {
    this.at += 8;
    return [this.bytes.readUInt32LE(this.at - 8), this.bytes.readUInt32LE(this.at - 4)];
  }

  text(): string {
    const end = this.open();
    const text = this.bytes.toString('utf8', this.at, end);
    this.at = end;
    return text;
  }

  /** Passes the length of a message or string, and returns where it ends. */
  open(): number {
    const size = this.varint();
    const end = this.at + size;
    if (size < 0 || end > this.bytes.length) throw new RangeError('A message is longer than its bytes.');
    return end;
  }

  /** Passes a tag that must come next. */
  expect(tag: number): void {
    const found = this.varint();
    if (found !== tag) throw new RangeError(`Field ${tag >> 3} is expected, and ${found >> 3} is there.`);
  }

  /** Passes the value of a field that its tag announced. */
  skip(tag: number): void {
    const wire = tag & 7;
    if (wire === WIRE.varint) this.varint();
    else if (wire === WIRE.fixed64) this.at += 8;
    else if (wire === WIRE.fixed32) this.at += 4;
    else if (wire === WIRE.bytes) this.at = this.open();
    else throw new RangeError(`Wire type ${wire} is not part of OTLP.`);
  }
}
