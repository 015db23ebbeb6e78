import { maskForeign } from '../core/secret.ts';
import {
  RefusedError,
  TimedOutError,
  UnauthorisedError,
  UnavailableError,
  type VendorError,
} from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { RawAnswer } from './exchange.ts';
import { retryAfter, saysThrottled } from './retry-after.ts';
import { wantsTls, wantsTlsWords } from './tls-error.ts';

/** Unavailable, and the vendor said for how long. */
export class BusyError extends UnavailableError {
  /** Milliseconds. */
  readonly wait: number;

  constructor(message: string, url: string, status: number, wait: number) {
    super(message, url, status);
    this.wait = wait;
  }
}

/** Bytes of a refusal's body that are kept: the vendor's error code is in there. */
const BODY_BYTES = 4096;
const WORDS_CHARACTERS = 300;

/** 4xx that pass by themselves: time-out, conflict while the console deploys, throttling before 429, too early. */
const PASSING = new Set([408, 409, 420, 425]);

/** Whether it was refused for asking too often. Some vendors say so with 403. */
export function isThrottled({ status, headers }: RawAnswer): boolean {
  return status === 429 || (status === 403 && saysThrottled(headers));
}

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
