import type { AuthenticationClient, TokenAnswer, TokenRequest } from '../core/authentication.ts';
import {
  RefusedError,
  TimedOutError,
  UnauthorisedError,
  UnreadableAnswerError,
  type VendorError,
} from '../core/errors.ts';
import { parseJson } from '../core/json.ts';
import { isLoopback } from '../core/loopback.ts';
import type { Logger } from '../core/log.ts';
import { maskForeign, PassingSecrets } from '../core/secret.ts';
import { printable } from '../core/text.ts';
import { ACCEPT_ENCODING } from './content-coding.ts';
import type { RawResponse } from './exchange.ts';
import type { Origins } from './origins.ts';
import { joinUrl } from './outgoing.ts';
import { clockReadingOf, failureOf, htmlPage, isHtml, isRedirect } from './response.ts';
import { BusyError, isThrottled, retryAfter, withRetries } from './retry.ts';
import type { HttpSettings } from './settings.ts';
import type { VendorClock } from './vendor-clock.ts';
import { bareUrl } from './way.ts';

interface TokenClientParts {
  readonly settings: HttpSettings;
  readonly origins: Origins;
  readonly vendorClock: VendorClock;
}

/** The name under which requests for tokens are reported. */
const ROUTE = 'token';

/** How much of an endpoint's own message an error quotes. Characters. */
const QUOTED = 300;

/** Asks for tokens and sessions, over the connections of the source. */
export class TokenClient implements AuthenticationClient {
  readonly log: Logger;
  readonly #parts: TokenClientParts;
  /** By origin: how far its clock was ahead of ours at its last answer. Milliseconds. */
  readonly #ahead = new Map<string, number>();

  constructor(parts: TokenClientParts) {
    this.#parts = parts;
    this.log = parts.settings.log;
  }

  now(): number {
    return this.#parts.settings.clock.now();
  }

  vendorNow(): number {
    return this.now() + this.#parts.vendorClock.ahead;
  }

  clockOf({ origin }: URL): number {
    return this.now() + (this.#ahead.get(origin) ?? 0);
  }

  endpoint(url: string): URL {
    return URL.parse(url) ?? joinUrl(this.#parts.settings.options.base_url, { path: url });
  }

  async ask(request: TokenRequest): Promise<TokenAnswer> {
    const { settings } = this.#parts;
    this.#refusePlain(request);
    const hidden = new PassingSecrets(request.hidden.length);
    for (const text of request.hidden) hidden.add(text);
    try {
      return await withRetries((attempt) => this.#send(request, attempt), {
        ...settings,
        retries: request.retry ? settings.options.retries : 0,
        retryTimeouts: true,
      });
    } finally {
      hidden.clear();
    }
  }

  /** Where the credential goes to `base_url` over plain http, its owner was warned at the start. */
  #refusePlain({ url, address }: TokenRequest): void {
    const home = new URL(this.#parts.settings.options.base_url).origin;
    if (url.protocol === 'https:' || isLoopback(url.hostname) || url.origin === home) return;
    const message = `${bareUrl(url)} would receive the credential in plain text, so no token was requested. Write https:// in ${address}.`;
    throw new UnauthorisedError(message, bareUrl(url), 401);
  }

  async #send(request: TokenRequest, attempt: number): Promise<TokenAnswer> {
    const raw = await this.#exchange(request, attempt);
    const reading = clockReadingOf(raw);
    if (reading !== undefined) this.#ahead.set(request.url.origin, reading.ahead);
    const failure = tokenFailureOf(raw, this.clockOf(request.url), request.address);
    if (failure !== undefined) throw failure;
    return { url: raw.url, status: raw.status, headers: raw.headers, body: bodyOf(raw) };
  }

  async #exchange(
    { method, url, headers, body, address }: TokenRequest,
    attempt: number,
  ): Promise<RawResponse> {
    const { settings, origins } = this.#parts;
    const { userAgent, onRequest } = settings;
    const report = { route: ROUTE, retry: attempt > 1 };
    const own = { 'user-agent': userAgent, accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING };
    try {
      const request = { method, url, headers: { ...own, ...headers }, body };
      const raw = await origins.exchange(request, { credential: true, address });
      onRequest?.({ ...report, status: raw.status });
      return raw;
    } catch (error) {
      onRequest?.({ ...report, status: error instanceof TimedOutError ? 'timed-out' : 'failed' });
      throw error;
    }
  }
}

/**
 * The error that a response to a request for a token means; undefined when it is an answer.
 * @param now the endpoint's clock, for `retry-after`
 */
function tokenFailureOf(raw: RawResponse, now: number, address: string): VendorError | undefined {
  const { status, url, headers } = raw;
  if (isRedirect(status)) {
    const message = `${url} redirects with ${status}. It is not followed, because the target would receive the credential. Correct ${address}.`;
    return new RefusedError(message, url, status, '');
  }
  if (isThrottled(raw)) {
    const message = `${url} answered ${status}: it was asked for too many tokens.`;
    return new BusyError(message, url, status, retryAfter(headers, now) ?? 0);
  }
  // A page of another server says nothing about the credential.
  if (isHtml(raw) && status !== 401 && status < 500) return htmlPage(raw, address);
  const failure = failureOf(raw, now);
  const refused = failure instanceof RefusedError || failure instanceof UnauthorisedError;
  return refused ? badCredential(raw) : failure;
}

/** With 401, whatever the status was: it stops the source, not only the stream that asked. */
function badCredential({ url, status, text }: RawResponse): UnauthorisedError {
  const words = wordsOf(text);
  const said = words === '' ? '' : `: ${words}`;
  const message = `${url} answered ${status}${said}${/[.!?]$/.test(said) ? '' : '.'} The credential was rejected. Check the client and its secret or key, or the user and the password.`;
  return new UnauthorisedError(message, url, 401);
}

/** What an error says: RFC 6749 §5.2, or a `message`. */
function wordsOf(text: string): string {
  try {
    const { error, error_description, message } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const words = [error, error_description, message].filter((part) => typeof part === 'string');
    return printable(maskForeign(words.join(': '))).slice(0, QUOTED);
  } catch {
    // Not JSON, or JSON without members: it says nothing.
    return '';
  }
}

function bodyOf({ body, url, status }: RawResponse): unknown {
  if (body.length === 0) return null;
  try {
    return parseJson(Buffer.from(body).toString('utf8'));
  } catch {
    // The parser's own message quotes the body, which may hold a token.
    const message = `${url} answered ${status} to a request for a token with ${body.length} bytes that are not valid JSON. Check the URL, and any proxy in between.`;
    throw new UnreadableAnswerError(message, url, status);
  }
}
