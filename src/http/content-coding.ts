import { once } from 'node:events';
import {
  createBrotliDecompress,
  createInflate,
  createInflateRaw,
  crc32,
  type BrotliDecompress,
  type Inflate,
  type InflateRaw,
} from 'node:zlib';
import { maskForeign } from '../core/secret.ts';
import { isCharset } from './charset.ts';

/** The `Accept-Encoding` of requests: the codings that `decodeContent` supports. */
export const ACCEPT_ENCODING = 'gzip, deflate, br';

/** A body that cannot be decoded. The message names the coding and can follow `No usable answer from …: `. */
export class ContentCodingError extends Error {
  override readonly name = 'ContentCodingError' as const;
}

/** Limit on nested codings: each may expand to a thousand times its size. */
const MAX_CODINGS = 5;

type Decoder = (input: ByteInput) => AsyncIterable<Buffer>;

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', deflated],
  ['br', (input) => inflate(input, createBrotliDecompress())],
]);

/** Values that servers put into `Content-Encoding` although they are not codings. Charsets and media types occur too. */
const NO_CODINGS = new Set(['', 'identity', 'none', 'null', 'binary', '7bit', '8bit', 'chunked']);

/**
 * Decodes the content codings of a body (RFC 9110 §8.4). Ignores bytes after the end of the compressed data; an empty body
 * is empty in any coding. Reads the body no further than necessary and never closes it: the caller does, and limits how
 * much is read.
 *
 * @param contentEncoding the header, several joined by commas
 * @throws ContentCodingError at once for an unknown coding; while reading, for a body that cannot be decoded
 */
export function decodeContent(
  body: AsyncIterable<Buffer>,
  contentEncoding: string | undefined,
): AsyncIterable<Buffer> {
  const codings = codingsOf(contentEncoding);
  if (codings.length > MAX_CODINGS) {
    throw new ContentCodingError(`its content-encoding lists ${codings.length} codings`);
  }
  return codings.reduceRight<AsyncIterable<Buffer>>((coded, coding) => decode(coded, coding), body);
}

/** As `decodeContent`, for a complete body. Undefined when its content is larger than `maxBytes`. */
export async function decodeWhole(
  body: Buffer,
  contentEncoding: string | undefined,
  maxBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of decodeContent(only(body), contentEncoding)) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function codingsOf(contentEncoding = ''): string[] {
  return contentEncoding
    .split(',')
    .map((part) => part.replace(/;.*/s, '').trim().toLowerCase())
    .filter((name) => !NO_CODINGS.has(name) && !name.includes('/') && !isCharset(name));
}

function decode(body: AsyncIterable<Buffer>, coding: string): AsyncIterable<Buffer> {
  const decoder = DECODERS.get(coding);
  if (decoder === undefined) {
    const name = JSON.stringify(coding.slice(0, 40));
    throw new ContentCodingError(
      `its content-encoding ${maskForeign(name)} is not supported (supported are ${ACCEPT_ENCODING})`,
    );
  }
  return decodeBy(decoder, body, coding);
}

async function* decodeBy(decoder: Decoder, body: AsyncIterable<Buffer>, coding: string) {
  let broke = false;
  const input = new ByteInput(observed(body, () => (broke = true)));
  try {
    if ((await input.peek(1)).length === 0) return;
    yield* decoder(input);
  } catch (error) {
    if (broke) throw error;
    const message = `its body cannot be decoded by its content-encoding (${coding}). A proxy may have cut or changed it`;
    throw new ContentCodingError(message, { cause: error });
  }
}

/** Passes the body on, and notes its own error, to distinguish that from an error of the decoder. */
async function* observed(body: AsyncIterable<Buffer>, onError: () => void): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    onError();
    throw error;
  }
}

/** Some servers send raw deflate; others add the zlib header (RFC 1950 §2.2) that the coding requires. */
async function* deflated(input: ByteInput): AsyncGenerator<Buffer> {
  const head = await input.peek(2);
  const zlib = head.length === 2 && (head.readUInt8(0) & 0x0f) === 8 && head.readUInt16BE() % 31 === 0;
  yield* inflate(input, zlib ? createInflate() : createInflateRaw());
}

async function* only(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}

const MAGIC = Buffer.from([0x1f, 0x8b, 0x08]);
const FIXED_HEADER = 10;
const TRAILER = 8;

/** Optional parts of a member's header (RFC 1952 §2.3). */
const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;

/**
 * Decodes gzip with any number of members. Node's own decoder fails on bytes after the last member; they are ignored here,
 * as by other clients.
 *
 * @throws Error when the data is not gzip, cut or damaged
 */
export async function* gunzip(input: ByteInput): AsyncGenerator<Buffer> {
  do {
    await skipHeader(input);
    yield* member(input);
  } while (MAGIC.equals(await input.peek(MAGIC.length)));
}

async function skipHeader(input: ByteInput): Promise<void> {
  const header = await exactly(input, FIXED_HEADER);
  if (!MAGIC.equals(header.subarray(0, MAGIC.length))) throw new Error('it does not begin like gzip');
  const flags = header.readUInt8(3);
  if ((flags & EXTRA) !== 0) await exactly(input, (await exactly(input, 2)).readUInt16LE());
  if ((flags & NAME) !== 0) await skipText(input);
  if ((flags & COMMENT) !== 0) await skipText(input);
  if ((flags & HEADER_CRC) !== 0) await exactly(input, 2);
}

async function* member(input: ByteInput): AsyncGenerator<Buffer> {
  let sum = 0;
  let size = 0;
  for await (const chunk of inflate(input, createInflateRaw())) {
    sum = crc32(chunk, sum);
    size += chunk.length;
    yield chunk;
  }
  const trailer = await exactly(input, TRAILER);
  if (trailer.readUInt32LE(0) !== sum || trailer.readUInt32LE(4) !== size % 2 ** 32) {
    throw new Error('its checksum is wrong');
  }
}

/** Skips a text that ends with a zero byte. */
async function skipText(input: ByteInput): Promise<void> {
  while ((await exactly(input, 1)).readUInt8(0) !== 0);
}

async function exactly(input: ByteInput, count: number): Promise<Buffer> {
  const bytes = await input.read(count);
  if (bytes === undefined) throw new Error('it ends too early');
  return bytes;
}

type Engine = Inflate | InflateRaw | BrotliDecompress;

/**
 * The engine's output, until the compressed data ends; bytes after that stay in the input.
 * @throws the engine's error when the data is damaged or cut, or the input's
 */
export async function* inflate(input: ByteInput, engine: Engine): AsyncGenerator<Buffer> {
  const fed = feed(input, engine);
  yield* engine as AsyncIterable<Buffer>;
  await fed;
}

/** Feeds one chunk at a time, so that what the engine does not consume is the end of the last one. */
async function feed(input: ByteInput, engine: Engine): Promise<void> {
  const closed = once(engine, 'close').catch(() => undefined);
  let total = 0;
  try {
    for (;;) {
      const chunk = await input.take();
      if (engine.destroyed) return;
      if (chunk === undefined) {
        engine.end();
        return;
      }
      total += chunk.length;
      await Promise.race([written(engine, chunk), closed]);
      const left = total - engine.bytesWritten;
      if (left > 0) {
        input.putBack(chunk.subarray(chunk.length - left));
        return;
      }
    }
  } catch (error) {
    // The engine's reader gets the error.
    engine.destroy(error as Error);
  }
}

function written(engine: Engine, chunk: Buffer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // The engine's reader gets the error.
  engine.write(chunk, () => resolve());
  return promise;
}

/** Reads a body chunk by chunk; a part of a chunk can be put back. It never closes the body. */
export class ByteInput {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer | undefined;

  constructor(body: AsyncIterable<Buffer>) {
    this.#chunks = body[Symbol.asyncIterator]();
  }

  /** The next bytes, at least one; undefined at the end. */
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

  /** Puts back the end of what was taken last. */
  putBack(rest: Buffer): void {
    if (rest.length > 0) this.#held = rest;
  }

  /** The next `count` bytes without taking them; fewer at the end. */
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

  /** The next `count` bytes; undefined when there are fewer. */
  async read(count: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(count);
    if (bytes.length < count) return undefined;
    const all = await this.take();
    if (all !== undefined) this.putBack(all.subarray(count));
    return bytes;
  }
}
