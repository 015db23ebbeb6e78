import {
  RefusedError,
  TimedOutError,
  UnauthorisedError,
  UnavailableError,
  type VendorError,
  UnreadableAnswerError,
} from '../core/errors.ts';
import type { ClockReading, HttpAnswer, HttpRequest } from '../core/http.ts';
import { printable } from '../core/text.ts';
import { readRows } from '../core/rows.ts';
import { maskForeign } from '../core/secret.ts';
import type { RawAnswer } from './exchange.ts';
import { BusyError, parseHttpDate, retryAfter } from './retry.ts';
import { wantsTls, wantsTlsWords } from './tls-error.ts';

/** Bytes of a refusal's body that are kept: the vendor's error code is in there. */
const BODY_BYTES = 4096;
const WORDS_CHARACTERS = 300;

/** 4xx that pass by themselves: time-out, conflict while the console deploys, throttling before 429, too early. */
const PASSING = new Set([408, 409, 420, 425]);

/**
 * What an answer that is not throttled means: undefined for one that can be used.
 * @param now the vendor's clock, for `retry-after`
 */
export function failureOf(answer: RawAnswer, now: number): VendorError | undefined {
  const { status, url, headers } = answer;
  if (status >= 200 && status < 300) return isHtml(answer) ? html(answer) : undefined;
  if (isNoAnswer(status)) {
    const message = `${tale(answer)} That is no answer to this request. Check base_url, and what is on the way.`;
    return new UnavailableError(message, url, status);
  }
  if (status === 504) return new TimedOutError(`${tale(answer)} It ran out of time.`, url, status);
  if (status >= 500 || PASSING.has(status)) {
    const wait = retryAfter(headers, now);
    const message = `${tale(answer)} Usually temporary; check the vendor's status page.`;
    return wait === undefined
      ? new UnavailableError(message, url, status)
      : new BusyError(message, url, status, wait);
  }
  if (status === 403 && isHtml(answer)) return html(answer);
  return status === 401 || status === 403 ? unauthorised(answer) : refused(answer);
}

/** Informational, switching protocols, and an answer to a question that we do not ask: tried again like a 502. */
export function isNoAnswer(status: number): boolean {
  return status < 200 || status === 304;
}

/**
 * Login pages, maintenance pages and captive portals answer with 200 as well. A page is known by its body: some vendors
 * label JSON as HTML, and some pages are labelled as something else.
 */
export function isHtml({ headers, text }: Pick<RawAnswer, 'headers' | 'text'>): boolean {
  if (text === '') return false;
  if (/^\s*</.test(text)) return true;
  return (
    /^\s*text\/html\b/i.test(headers['content-type'] ?? '') && !/^\s*([[{"\d-]|true|false|null)/.test(text)
  );
}

function html(answer: RawAnswer): UnavailableError {
  const message = `${tale(answer)} It is an HTML page, no data. Check base_url, and what a proxy or login page on the way may answer.`;
  return new UnavailableError(message, answer.url, answer.status);
}

function unauthorised(answer: RawAnswer): UnauthorisedError {
  const advice =
    answer.status === 401
      ? 'Check the token: it may be wrong, expired or revoked.'
      : 'Check that the token is valid, that its owner may use this API, and that no firewall on the way refuses us.';
  return new UnauthorisedError(`${tale(answer)} ${advice}`, answer.url, answer.status);
}

function refused(answer: RawAnswer): RefusedError {
  const message = wantsTls(answer)
    ? `${answer.url} answered ${answer.status}: ${wantsTlsWords({ ...answer, address: 'base_url' })}.`
    : `${tale(answer)} Check base_url and the options of this source.`;
  const body = Buffer.from(maskForeign(answer.text)).subarray(0, BODY_BYTES).toString('utf8');
  return new RefusedError(message, answer.url, answer.status, body);
}

/** What happened, with the vendor's own words where its error has some. */
function tale(answer: RawAnswer): string {
  const words = vendorWords(answer.text);
  return `${answer.url} answered ${answer.status}${words === '' ? '.' : `: ${words}`}`;
}

/** The `message` of an error as the vendors shape it: `{message}` or `{error: {message}}`; '' when there is none. */
function vendorWords(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { message?: unknown; error?: { message?: unknown } };
    const words = message ?? error?.message;
    return typeof words === 'string' ? printable(maskForeign(words)).slice(0, WORDS_CHARACTERS) : '';
  } catch {
    // Not JSON, or JSON without members: then it has no words that are meant for us.
    return '';
  }
}

/**
 * The answer as a source sees it. `now`: the vendor's clock, for an answer without `Date`.
 * @throws UnreadableAnswerError when it is no JSON
 */
export async function answerOf(
  raw: RawAnswer,
  request: Pick<HttpRequest, 'decimalText' | 'rows'>,
  now: number,
): Promise<HttpAnswer> {
  const json = await parsed(raw, request);
  const clock = clockReadingOf(raw);
  return {
    status: raw.status,
    headers: raw.headers,
    date: parseHttpDate(raw.headers['date']) ?? now,
    at: raw.at,
    ...(clock !== undefined && { clock }),
    body: raw.body,
    json: () => json,
    whole: () => readRows(raw.body, undefined),
  };
}

async function parsed(
  { body, url, status }: RawAnswer,
  { decimalText, rows }: Pick<HttpRequest, 'decimalText' | 'rows'>,
): Promise<unknown> {
  // No Content and Reset Content: these have no body to be JSON.
  if (status === 204 || status === 205) return null;
  try {
    return await readRows(body, rows, { decimalText });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's own message quotes the body, which is not for the log.
    const message = `${url} answered ${status} with ${body.length} bytes that are no JSON, or only a part of it. Check base_url, what a proxy on the way may cut, and whether the vendor changed its API.`;
    throw new UnreadableAnswerError(message, url, status);
  }
}

export const MAX_REDIRECTS = 3;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Where an answer redirects us on its own origin; undefined when it does not redirect.
 * @throws RefusedError to another origin, which must never see the credential, and is not asked at all.
 */
export function redirectOf({ status, headers, url }: RawAnswer, from: URL): URL | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const target = headers['location'] === undefined ? null : URL.parse(headers['location'], from.href);
  if (target === null) {
    throw new RefusedError(`${url} redirects to nowhere. Check base_url.`, url, status, '');
  }
  if (target.origin === from.origin) return target;
  const message = `${url} redirects to another origin, ${maskForeign(target.origin)}, which is not followed, so that it is not given the credential. Set base_url to it if it is the vendor's.`;
  throw new RefusedError(message, url, status, '');
}

/**
 * What an answer says of the vendor's clock; undefined without a `Date`, and for a page, which shows the clock of
 * whatever sent it. `Age` is how long a cache has held the answer: its `Date` is that much in the past.
 */
export function clockReadingOf(raw: RawAnswer): ClockReading | undefined {
  const date = parseHttpDate(raw.headers['date']);
  if (date === undefined || isHtml(raw)) return undefined;
  const age = /^\d{1,9}$/.test(raw.headers['age'] ?? '') ? Number(raw.headers['age']) * 1_000 : 0;
  return { ahead: date + age - raw.at, waited: Math.max(0, raw.at - raw.sent) };
}
