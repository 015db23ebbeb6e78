import {
  RefusedError,
  TimedOutError,
  UnauthorisedError,
  UnavailableError,
  type VendorError,
  UnreadableAnswerError,
} from '../core/errors.ts';
import type { ClockReading, HttpResponse, HttpRequest } from '../core/http.ts';
import { printable } from '../core/text.ts';
import { readRows } from '../core/rows.ts';
import { maskForeign } from '../core/secret.ts';
import type { RawResponse } from './exchange.ts';
import { linkOf, resolved } from './links.ts';
import { type Outgoing, plain } from './outgoing.ts';
import { BusyError, parseHttpDate, retryAfter } from './retry.ts';
import { wantsTls, explainPlainRequest } from './tls-error.ts';

/** How much of the body of a refused request is kept, because it holds the vendor's error code. */
const KEPT_BODY_BYTES = 4096;
/** How much of the vendor's own message an error quotes. */
const QUOTED_CHARACTERS = 300;

/** 4xx that are temporary: time-out, conflict while the console deploys, throttling before 429, too early. */
const TEMPORARY = new Set([408, 409, 420, 425]);

/**
 * The error that a response means; undefined when it can be used. Throttled responses are not handled here: see
 * `pauseAsAsked`.
 * @param now the vendor's clock, for `retry-after`
 */
export function failureOf(response: RawResponse, now: number): VendorError | undefined {
  const { status, url, headers } = response;
  if (status >= 200 && status < 300) return isHtml(response) ? htmlPage(response) : undefined;
  if (isUnusableStatus(status)) {
    const message = `${summary(response)} This status does not answer the request. Check base_url, and any proxy in between.`;
    return new UnavailableError(message, url, status);
  }
  if (status === 504) return new TimedOutError(`${summary(response)} The server timed out.`, url, status);
  if (status >= 500 || TEMPORARY.has(status)) {
    const wait = retryAfter(headers, now);
    const message = `${summary(response)} Usually temporary; check the vendor's status page.`;
    return wait === undefined
      ? new UnavailableError(message, url, status)
      : new BusyError(message, url, status, wait);
  }
  if (status === 403 && isHtml(response)) return htmlPage(response);
  return status === 401 || status === 403 ? unauthorised(response) : refused(response);
}

/** Informational, switching protocols, and not modified, which we never ask for: retried like a 502. */
export function isUnusableStatus(status: number): boolean {
  return status < 200 || status === 304;
}

/**
 * Login pages, maintenance pages and captive portals answer with 200 as well. A page is known by its body: some vendors
 * label JSON as HTML, and some pages are labelled as something else.
 */
export function isHtml({ headers, text }: Pick<RawResponse, 'headers' | 'text'>): boolean {
  if (text === '') return false;
  if (isMarkup(text)) return true;
  return (
    /^\s*text\/html\b/i.test(headers['content-type'] ?? '') && !/^\s*([[{"\d-]|true|false|null)/.test(text)
  );
}

/** Whether a text begins like a page, whatever its label is. */
export function isMarkup(text: string): boolean {
  return /^\s*</.test(text);
}

/** The error of a page where data should be. `address`: the name of the setting that holds the URL. */
export function htmlPage(response: RawResponse, address = 'base_url'): UnavailableError {
  const message = `${summary(response)} The response is an HTML page, not data. Check ${address}, and whether a proxy or login page answers instead.`;
  return new UnavailableError(message, response.url, response.status);
}

function unauthorised(response: RawResponse): UnauthorisedError {
  const advice =
    response.status === 401
      ? 'Check the token: it may be wrong, expired or revoked.'
      : 'Check that the token is valid, that its owner may use this API, and that no firewall blocks us.';
  return new UnauthorisedError(`${summary(response)} ${advice}`, response.url, response.status);
}

function refused(response: RawResponse): RefusedError {
  const message = wantsTls(response)
    ? `${response.url} answered ${response.status}: ${explainPlainRequest({ ...response, address: 'base_url' })}.`
    : `${summary(response)} Check base_url and the options of this source.`;
  const body = Buffer.from(maskForeign(response.text)).subarray(0, KEPT_BODY_BYTES).toString('utf8');
  return new RefusedError(message, response.url, response.status, body);
}

/** What happened, with the vendor's own message where its error has one. */
function summary(response: RawResponse): string {
  const words = vendorMessage(response.text);
  const said = words === '' ? '' : `: ${words}`;
  return `${response.url} answered ${response.status}${said}${/[.!?]$/.test(said) ? '' : '.'}`;
}

/** The `message` of an error as the vendors shape it: `{message}` or `{error: {message}}`; '' when there is none. */
function vendorMessage(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: unknown; error?: { message?: unknown } };
    const words = message ?? error?.message;
    return typeof words === 'string' ? printable(maskForeign(words)).slice(0, QUOTED_CHARACTERS) : '';
  } catch {
    // Not JSON, or JSON without members: there is no message.
    return '';
  }
}

/**
 * Parses a response into what a source gets.
 * @param url what was requested, without a credential
 * @param now the vendor's clock, for a response without `Date`
 * @throws UnreadableAnswerError when the body is not valid JSON
 */
export async function readResponse(
  raw: RawResponse,
  request: Pick<HttpRequest, 'decimalText' | 'rows'>,
  url: URL,
  now: number,
): Promise<HttpResponse> {
  const json = await parsed(raw, request);
  const clock = clockReadingOf(raw);
  return {
    url: url.href,
    status: raw.status,
    headers: raw.headers,
    date: parseHttpDate(raw.headers['date']) ?? now,
    at: raw.at,
    ...(clock !== undefined && { clock }),
    body: raw.body,
    json: () => json,
    whole: () => readRows(raw.body, undefined),
    link: (relation) => linkOf(raw.headers['link'], relation, url),
    resolve: (reference) => resolved(reference, url),
  };
}

async function parsed(
  { body, url, status }: RawResponse,
  { decimalText, rows }: Pick<HttpRequest, 'decimalText' | 'rows'>,
): Promise<unknown> {
  // No Content and Reset Content have no body.
  if (status === 204 || status === 205) return null;
  try {
    return await readRows(body, rows, { decimalText });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's own message quotes the body, which must not reach the log.
    const message = `${url} answered ${status} with ${body.length} bytes that are not valid JSON, or not complete. Check base_url, whether a proxy cuts responses, and whether the vendor changed its API.`;
    throw new UnreadableAnswerError(message, url, status);
  }
}

/** Redirects that are followed for one request. */
export const MAX_REDIRECTS = 3;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Whether a status redirects. */
export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/** Redirects that keep method and body (RFC 9110 §15.4). */
const KEEPING = new Set([307, 308]);

/**
 * The request that a response redirects to, on its own origin; undefined when it does not redirect.
 * @throws RefusedError for a redirect to another origin, which must never receive the credential, and for one that would
 *   turn another method into a GET.
 */
export function redirectOf({ status, headers, url }: RawResponse, from: Outgoing): Outgoing | undefined {
  if (!isRedirect(status)) return undefined;
  const target = headers['location'] === undefined ? null : URL.parse(headers['location'], from.url.href);
  if (target === null) {
    throw new RefusedError(`${url} redirects without a valid location. Check base_url.`, url, status, '');
  }
  if (target.origin !== from.url.origin) {
    const message = `${url} redirects to another origin, ${maskForeign(target.origin)}, which is not followed because it would receive the credential. If that is the vendor's API, set base_url to it.`;
    throw new RefusedError(message, url, status, '');
  }
  if (from.method === 'GET' || KEEPING.has(status)) return { ...from, url: plain(target) };
  const message = `${url} redirects a ${from.method} with ${status}, which would turn it into a GET, so it is not followed. Check base_url and the path.`;
  throw new RefusedError(message, url, status, '');
}

/**
 * What a response says of the vendor's clock; undefined without a `Date`, and for an HTML page, which another server may
 * have sent. `Age` is how long a cache has held the response: its `Date` is that old.
 */
export function clockReadingOf(raw: RawResponse): ClockReading | undefined {
  const date = parseHttpDate(raw.headers['date']);
  if (date === undefined || isHtml(raw)) return undefined;
  const age = /^\d{1,9}$/.test(raw.headers['age'] ?? '') ? Number(raw.headers['age']) * 1_000 : 0;
  return { ahead: date + age - raw.at, waited: Math.max(0, raw.at - raw.sent) };
}
