/** The bytes of a body, taken piece by piece; what was taken too much can be put back. It never closes the body. */
export class ByteInput {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer | undefined;

  constructor(body: AsyncIterable<Buffer>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next bytes, never none; undefined at the end. */
  async take(): Promise<Buffer | undefined> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) return held;
    for (;;) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      if (value.length > 0) return value;
    }
  }

  /** Gives back the end of what was taken last. */
  putBack(rest: Buffer): void {
    if (rest.length > 0) this.#held = rest;
  }

  /** The next `count` bytes, which stay; fewer at the end. */
  async peek(count: number): Promise<Buffer> {
    let seen: Buffer = Buffer.alloc(0);
    while (seen.length < count) {
      const more = await this.take();
      if (more === undefined) break;
      seen = seen.length === 0 ? more : Buffer.concat([seen, more]);
    }
    this.putBack(seen);
    return seen.subarray(0, count);
  }

  /** @returns the next `count` bytes; undefined when there are fewer */
  async read(count: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(count);
    if (bytes.length < count) return undefined;
    const all = await this.take();
    if (all !== undefined) this.putBack(all.subarray(count));
    return bytes;
  }
}
