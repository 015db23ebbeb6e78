import { pipeline, type Readable } from 'node:stream';
import { createBrotliDecompress, createUnzip } from 'node:zlib';
import type { Dispatcher } from 'undici';
import type { Clock } from '../clock.ts';
import { TimedOutError, TooLargeError } from '../errors.ts';
import type { Span } from '../source.ts';
import { networkError } from './network-error.ts';
import type { Headers } from './retry-after.ts';
import { bareUrl } from './url.ts';

/** An answer as it came, whatever it means. */
export interface RawAnswer {
  /** Without query. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** Our clock when the headers came, epoch milliseconds. */
  readonly at: number;
  /** Decoded; of a status other than 2xx only the beginning. */
  readonly text: string;
}

interface Limits {
  readonly clock: Clock;
  /** Milliseconds from connecting to the end of the body. */
  readonly timeout: number;
  /** Bytes of a 2xx body after decompression. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** See `HttpRequest.asked`. */
  readonly asked?: Span | undefined;
}

/** Enough of a failure's body to find the vendor's own words in it. Bytes. */
const FAILURE_BYTES = 65_536;

/**
 * One GET, no more: neither retries nor redirects.
 * @throws TimedOutError · TooLargeError (the connection is destroyed) · UnavailableError network · the signal's reason.
 */
export async function exchange(
  connect: () => Promise<Dispatcher>,
  url: URL,
  headers: Headers,
  { clock, timeout, maxBytes, signal, asked }: Limits,
): Promise<RawAnswer> {
  signal.throwIfAborted();
  const overdue = new AbortController();
  const done = new AbortController();
  const timer = clock.sleep(timeout, done.signal).then(
    () => overdue.abort(),
    // The sleep was broken off because the exchange ended.
    () => undefined,
  );
  try {
    return await get(await connect(), url, headers, {
      clock,
      maxBytes,
      asked,
      signal: AbortSignal.any([signal, overdue.signal]),
    });
  } catch (error) {
    signal.throwIfAborted();
    if (overdue.signal.aborted) throw timedOut(bareUrl(url), timeout);
    throw error instanceof TooLargeError ? error : networkError(bareUrl(url), error);
  } finally {
    done.abort();
    await timer;
  }
}

async function get(
  dispatcher: Dispatcher,
  url: URL,
  headers: Headers,
  { clock, maxBytes, signal, asked }: Omit<Limits, 'timeout'>,
): Promise<RawAnswer> {
  const answer = await dispatcher.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method: 'GET',
    headers,
    signal,
  });
  const status = answer.statusCode;
  const raw = { url: bareUrl(url), status, headers: flatten(answer.headers), at: clock.now() };
  const empty = status === 204 || raw.headers['content-length'] === '0';
  const body = empty ? answer.body : decoded(answer.body, raw.headers['content-encoding']);
  if (status < 200 || status > 299) return { ...raw, text: text(await beginning(body, signal)) };
  const { chunks, cut } = await read(body, maxBytes);
  if (cut) throw tooLarge(raw, { maxBytes, asked });
  return { ...raw, text: text(chunks) };
}

/** Decompressed here, because undici's own decompression announces itself as experimental on stderr. */
function decoded(body: Readable, encoding = 'identity'): Readable {
  if (encoding === 'identity') return body;
  const decoder = encoding === 'br' ? createBrotliDecompress() : createUnzip();
  // Whoever reads the decoder is given the error; the callback only keeps it from being thrown a second time.
  return pipeline(body, decoder, () => undefined);
}

/** Leaving the loop early destroys the body, and with it the connection. */
async function read(body: Readable, limit: number): Promise<{ chunks: Buffer[]; cut: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) return { chunks, cut: true };
    chunks.push(chunk);
  }
  return { chunks, cut: false };
}

/** A failure's status says more than the break of its body. */
async function beginning(body: Readable, signal: AbortSignal): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  try {
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= FAILURE_BYTES) break;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  return chunks;
}

function text(chunks: readonly Buffer[]): string {
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const present = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(
    present.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]),
  );
}

function timedOut(url: string, timeout: number): TimedOutError {
  const message = `No whole answer from ${url} within ${timeout} ms. Raise \`timeout\` if the vendor needs longer.`;
  return new TimedOutError(message, url);
}

function tooLarge(
  { url, status }: Pick<RawAnswer, 'url' | 'status'>,
  { maxBytes, asked }: Pick<Limits, 'maxBytes' | 'asked'>,
): TooLargeError {
  const message = `The answer of ${url} is larger than ${maxBytes} bytes. Raise \`max_response_bytes\`, or ask for less at once.`;
  return new TooLargeError(message, url, status, asked);
}
