import { crc32, createInflateRaw } from 'node:zlib';
import type { ByteInput } from './byte-input.ts';
import { inflate } from './inflate.ts';

const MAGIC = Buffer.from([0x1f, 0x8b, 0x08]);
const FIXED_HEADER = 10;
const TRAILER = 8;

/** Optional parts of a member's header (RFC 1952 §2.3). */
const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;

/**
 * Decodes gzip, one member behind the other. Node's own decoder fails on bytes behind the last member; they are
 * ignored here, as by other clients.
 *
 * @throws Error on anything else that is no gzip, or is cut or damaged
 */
export async function* gunzip(input: ByteInput): AsyncGenerator<Buffer> {
  do {
    await skipHeader(input);
    yield* member(input);
  } while (MAGIC.equals(await input.peek(MAGIC.length)));
}

async function skipHeader(input: ByteInput): Promise<void> {
  const header = await exactly(input, FIXED_HEADER);
  if (!MAGIC.equals(header.subarray(0, MAGIC.length))) throw new Error('it does not begin as gzip does');
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

/** A text ends with a zero byte. */
async function skipText(input: ByteInput): Promise<void> {
  while ((await exactly(input, 1)).readUInt8(0) !== 0);
}

async function exactly(input: ByteInput, count: number): Promise<Buffer> {
  const bytes = await input.read(count);
  if (bytes === undefined) throw new Error('it ends too early');
  return bytes;
}
