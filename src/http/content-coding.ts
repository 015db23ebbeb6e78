import { createBrotliDecompress, createInflate, createInflateRaw } from 'node:zlib';
import { maskForeign } from '../core/secret.ts';
import { ByteInput } from './byte-input.ts';
import { isCharset } from './charset.ts';
import { gunzip } from './gunzip.ts';
import { inflate } from './inflate.ts';

/** What a request says in `Accept-Encoding`: the codings that `decodeContent` understands. */
export const ACCEPT_ENCODING = 'gzip, deflate, br';

/** A body that cannot be decoded. The message follows `No usable answer from …: `, and names the coding. */
export class ContentCodingError extends Error {
  override readonly name = 'ContentCodingError' as const;
}

/** More than anybody means: each may hide a thousand times its size. */
const MOST_CODINGS = 5;

type Decoder = (input: ByteInput) => AsyncIterable<Buffer>;

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', deflated],
  ['br', (input) => inflate(input, createBrotliDecompress())],
]);

/** What servers write there that is no coding of the content. Names of charsets and media types count as well. */
const NO_CODINGS = new Set(['', 'identity', 'none', 'null', 'binary', '7bit', '8bit', 'chunked']);

/**
 * The content of a body, as it came before its content codings were applied (RFC 9110 §8.4). Bytes behind the end of
 * the compressed data are ignored, and an empty body is empty in any coding. Reads the body no further than it must,
 * and never closes it: that is for the caller, who also bounds how much is read.
 *
 * @param contentEncoding the header, several joined by commas
 * @throws ContentCodingError at once for a coding that is not known; while reading, for a body that does not decode
 */
export function decodeContent(
  body: AsyncIterable<Buffer>,
  contentEncoding: string | undefined,
): AsyncIterable<Buffer> {
  const codings = codingsOf(contentEncoding);
  if (codings.length > MOST_CODINGS) {
    throw new ContentCodingError(`its content-encoding lists ${codings.length} codings`);
  }
  return codings.reduceRight<AsyncIterable<Buffer>>((coded, coding) => decode(coded, coding), body);
}

/** As `decodeContent`, for a body that is whole. Undefined: its content is larger than `maxBytes`. */
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
      `its content-encoding ${maskForeign(name)} is not known here (${ACCEPT_ENCODING} are)`,
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
    const message = `its body does not decode as its content-encoding (${coding}) says. A proxy on the way may have cut or changed it`;
    throw new ContentCodingError(message, { cause: error });
  }
}

/** The body; tells of its error, which is thus known from one of its decoder. */
async function* observed(body: AsyncIterable<Buffer>, onError: () => void): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    onError();
    throw error;
  }
}

/** Some servers send raw deflate, others deflate with a zlib header (RFC 1950 §2.2), as the name really means. */
async function* deflated(input: ByteInput): AsyncGenerator<Buffer> {
  const head = await input.peek(2);
  const zlib = head.length === 2 && (head.readUInt8(0) & 0x0f) === 8 && head.readUInt16BE() % 31 === 0;
  yield* inflate(input, zlib ? createInflate() : createInflateRaw());
}

async function* only(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}
