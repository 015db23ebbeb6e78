import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../core/clock.ts';
import { TimedOutError, TooLargeError, UnavailableError } from '../core/errors.ts';
import type { Span } from '../core/source.ts';
import { CharsetDecoder, type DecodedText, decodeText } from './charset.ts';
import type { Connections } from './connections.ts';
import { decodeContent, ContentCodingError } from './content-coding.ts';
import { explainNetworkError, type Phase, explainTimeout } from './network-error.ts';
import type { Headers } from './retry.ts';
import { type Way, bareUrl } from './way.ts';

/** A response as it came, whatever it means. */
export interface RawResponse extends DecodedText {
  /** Without query. */
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** Our clock when the request was sent, epoch milliseconds. */
  readonly sent: number;
  /** Our clock when the headers came, epoch milliseconds. */
  readonly at: number;
  /** In UTF-8; of a status other than 2xx only the beginning. */
  readonly body: Uint8Array;
  /** The beginning of the body. */
  readonly text: string;
}

interface Limits {
  readonly clock: Clock;
  /** Milliseconds from connecting to the end of the body. */
  readonly timeout: number;
  /** Bytes of a 2xx body after decompression. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** To the vendor, for error messages. */
  readonly way: Way;
  /** See `HttpRequest.asked`. */
  readonly asked?: Span | undefined;
}

/** One request as it is sent, complete. */
export interface SentRequest {
  readonly method: string;
  /** With the credential, where it is in the query. */
  readonly url: URL;
  readonly headers: Headers;
  readonly body?: string | undefined;
}

/** How much of a failed response's body is read: enough for the vendor's own message. Bytes. */
const FAILURE_BYTES = 65_536;

/**
 * Sends one request, without retries and redirects.
 * @throws TimedOutError (GivenUpError when the request cannot even be cancelled) · TooLargeError (the connection is
 *   closed) · UnavailableError network · the signal's reason.
 */
export async function exchange(
  connections: Pick<Connections, 'dispatcher' | 'phase'>,
  request: SentRequest,
  { clock, timeout, maxBytes, signal, asked, way: home }: Limits,
): Promise<RawResponse> {
  signal.throwIfAborted();
  const { url } = request;
  const overdue = new AbortController();
  const done = new AbortController();
  const timer = clock.sleep(timeout, done.signal).then(
    () => overdue.abort(),
    // The sleep was cancelled because the exchange ended.
    () => undefined,
  );
  const stop = AbortSignal.any([signal, overdue.signal]);
  const progress: RequestProgress = { isQueued: false, phase: undefined };
  const limits = { clock, maxBytes, asked, signal: stop, progress };
  const way = { ...home, url: url.href };
  try {
    const work = connections.dispatcher().then((dispatcher) => send(dispatcher, request, limits));
    const ended = withinGrace(work, { stop, clock, done: done.signal });
    return await Promise.race([ended, cancelledInQueue(progress, stop, done.signal)]);
  } catch (error) {
    signal.throwIfAborted();
    const phase = progress.phase ?? connections.phase;
    const late = `No complete answer from ${bareUrl(url)}: ${explainTimeout(phase, timeout, way)}.`;
    if (error instanceof GivenUpError) {
      const end = `It could not be cancelled within ${ABORT_GRACE / 1000} s, so its connection was closed.`;
      throw new GivenUpError(`${late} ${end}`, bareUrl(url));
    }
    if (overdue.signal.aborted) throw new TimedOutError(late, bareUrl(url));
    throw error instanceof TooLargeError ? error : networkError(error, way);
  } finally {
    done.abort();
    await timer;
  }
}

/** Rejects when a request is cancelled before it has a connection: undici would only do so once it has one. */
async function cancelledInQueue(
  progress: RequestProgress,
  stop: AbortSignal,
  done: AbortSignal,
): Promise<never> {
  await aborted(stop, done);
  if (progress.isQueued && progress.phase === undefined) throw new Error('The request was not sent');
  return Promise.withResolvers<never>().promise;
}

/** Turns what the network threw into an error that explains the cause and what to do. */
function networkError(error: unknown, way: Way): UnavailableError {
  const url = bareUrl(new URL(way.url));
  return error instanceof ContentCodingError
    ? new UnavailableError(`No usable answer from ${url}: ${error.message}.`, url)
    : new UnavailableError(`No answer from ${url}: ${explainNetworkError(error, way)}.`, url);
}

/** How far a request has come. */
interface RequestProgress {
  /** The HTTP library has it. */
  isQueued: boolean;
  /** Undefined while it has no connection. */
  phase: Phase | undefined;
}

/** Notes when a request gets a connection. */
function watched(dispatcher: Dispatcher, progress: RequestProgress): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const start = handler.onRequestStart?.bind(handler);
    handler.onRequestStart = (...started) => {
      progress.phase = 'waiting';
      start?.(...started);
    };
    return dispatch(options, handler);
  });
}

async function send(
  dispatcher: Dispatcher,
  { method, url, headers, body: content }: SentRequest,
  {
    clock,
    maxBytes,
    signal,
    asked,
    progress,
  }: Omit<Limits, 'timeout' | 'way'> & { readonly progress: RequestProgress },
): Promise<RawResponse> {
  const sent = clock.now();
  progress.isQueued = true;
  const response = await watched(dispatcher, progress).request({
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    headers,
    body: content ?? null,
    signal,
  });
  progress.phase = 'reading';
  const status = response.statusCode;
  const raw = { url: bareUrl(url), status, headers: flatten(response.headers), sent, at: clock.now() };
  const { body } = response;
  // Its reader gets the error; one that comes after that must not crash the process.
  body.on('error', () => undefined);
  try {
    if (status < 200 || status > 299) return { ...raw, ...(await beginning(body, raw.headers, signal)) };
    const text = await whole(body, raw, maxBytes);
    if (text === undefined) throw tooLarge(raw, { maxBytes, asked });
    return { ...raw, ...text };
  } finally {
    // No effect on a body that was read to its end; otherwise this closes the connection.
    body.destroy();
  }
}

type Decoded = DecodedText & Pick<RawResponse, 'body'>;

/** The body as UTF-8; undefined when it is larger than `limit`. Decodes while it reads, so the raw bytes are not kept. */
async function whole(
  body: Readable,
  { status, headers }: Pick<RawResponse, 'status' | 'headers'>,
  limit: number,
): Promise<Decoded | undefined> {
  const content = status === 204 ? body : decodeContent(body, headers['content-encoding']);
  const decoder = new CharsetDecoder(headers['content-type']);
  const pieces: Buffer[] = [];
  let [size, text] = [0, ''];
  const add = (piece: string) => {
    if (text.length < FAILURE_BYTES) text += piece.slice(0, FAILURE_BYTES);
    pieces.push(Buffer.from(piece));
  };
  for await (const chunk of content as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) return undefined;
    add(decoder.write(chunk));
  }
  add(decoder.end());
  return { body: Buffer.concat(pieces), text, charset: decoder.charset, replaced: decoder.replaced };
}

/** As much of a failed response's body as came and could be decoded: the status counts even if the connection breaks. */
async function beginning(body: Readable, headers: Headers, signal: AbortSignal): Promise<Decoded> {
  const chunks: Buffer[] = [];
  try {
    let size = 0;
    for await (const chunk of decodeContent(body, headers['content-encoding'])) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= FAILURE_BYTES) break;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  // A character that the end cuts in half is not counted as replaced.
  const decoded = decodeText(Buffer.concat(chunks), headers['content-type']);
  return { ...decoded, body: Buffer.from(decoded.text), replaced: 0 };
}

function flatten(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const present = Object.entries(headers).filter(
    (entry): entry is [string, string | string[]] => entry[1] !== undefined,
  );
  return Object.fromEntries(
    present.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]),
  );
}

function tooLarge(
  { url, status }: Pick<RawResponse, 'url' | 'status'>,
  { maxBytes, asked }: Pick<Limits, 'maxBytes' | 'asked'>,
): TooLargeError {
  const message = `The response of ${url} is larger than ${maxBytes} bytes. Raise \`max_response_bytes\`, or request less at once.`;
  return new TooLargeError(message, url, status, asked);
}

/** How long a cancelled request may take to end before it is abandoned. Milliseconds. */
export const ABORT_GRACE = 5_000;

/** A request that had not ended within `ABORT_GRACE` after its time-out. */
export class GivenUpError extends TimedOutError {}

interface Watched {
  /** Aborts when the work must end. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
  /** Aborts when nobody waits for the work any more. */
  readonly done: AbortSignal;
}

/**
 * The result of the work, waited for no longer than `ABORT_GRACE` after `stop`. A library may leave a request unsettled
 * for ever (a response that switches protocols, a file that never answers), which would block everything behind it.
 *
 * @throws GivenUpError after that
 */
export async function withinGrace<T>(work: Promise<T>, { stop, clock, done }: Watched): Promise<T> {
  return Promise.race([work, unsettled()]);

  async function unsettled(): Promise<never> {
    await aborted(stop, done);
    await clock.sleep(ABORT_GRACE, done);
    throw new GivenUpError('The work did not end', '');
  }
}

/** Resolves when `signal` aborts; never after `done` has aborted, so that no listener stays on a long-lived signal. */
export function aborted(signal: AbortSignal, done: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true, signal: done });
  if (signal.aborted) resolve();
  return promise;
}
