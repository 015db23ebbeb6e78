import { maskForeign } from '../core/secret.ts';
import { parseHttpDate, retryAfter, SHORTEST_PAUSE } from '../http/retry.ts';
import { isUnusableStatus } from '../http/response.ts';
import {
  type ExporterFailure,
  type ExporterOutcome,
  type ExporterResponse,
  GRPC_ADVICE,
} from '../otlp/exchange.ts';
import { isPage, partialSuccess, wordsAboutItself, wordsOf } from './response-body.ts';

/** What the outcome of one request means for the delivery. */
export type ClassifiedResponse = Accepted | Retry | Paused | Rejected;

/** What an operator is shown of a response. */
interface Shown {
  /** Undefined when there was no response. */
  readonly status: number | undefined;
  /** The server's own words, or those of the network error: printable, secrets masked, at most 500 characters. */
  readonly words: string;
}

/** The request was accepted. */
export interface Accepted extends Shown {
  readonly kind: 'accepted';
  /** How many of its records were rejected for good. */
  readonly rejected: number;
  /** All rejected records are duplicates of records that the destination has. */
  readonly duplicatesOnly: boolean;
  /** The ids of all records that were rejected for good; empty when the response does not name each of them. */
  readonly named: readonly string[];
  /** Why the body cannot be read, so that it is not known whether records were rejected. Undefined when it can. */
  readonly unread: string | undefined;
}

/** The same bytes are sent again, after `retryAfterMs` or a backoff. */
export interface Retry extends Shown {
  readonly kind: 'retry';
  readonly retryAfterMs: number | undefined;
  /** Why waiting alone may not help when it lasts. */
  readonly suspicion: Suspicion | undefined;
}

/**
 * too-much: the request is larger than the burst that a rate limit allows. failing: a receiver without a queue, whose
 * backend rejects a record for good. unanswered: the request needs longer than its time-out, or the receiver (or what is
 * in front of it) closes the connection because of a record.
 */
export type Suspicion = 'too-much' | 'failing' | 'unanswered';

/** The destination is set up wrongly: the data is kept until that is fixed. */
export interface Paused extends Shown {
  readonly kind: 'paused';
  /** What the operator is to do. */
  readonly advice: string;
  /** 403 and 406 may also be a filter in front of the receiver that rejects a single record. */
  readonly perhapsRecord: boolean;
}

/** Something in the request is rejected: it is bisected down to the record at fault. */
export interface Rejected extends Shown {
  readonly kind: 'rejected';
  /** The words (or 413) are about the age or the size of what was sent, so that a single record is itself at fault. */
  readonly aboutItself: boolean;
}

/**
 * The response table. `now`: epoch milliseconds, for the dates of a server without a `Date`. `records`: how many were
 * sent. Pure.
 */
export function classifyResponse(
  outcome: ExporterOutcome,
  now: number,
  records = Infinity,
): ClassifiedResponse {
  if ('error' in outcome) return classifyFailure(outcome);
  const { status } = outcome;
  const shown = { status, words: wordsOf(outcome) };
  if (isGrpc(outcome)) return pausedByGrpc(shown);
  if (isUnusableStatus(status)) {
    return retry(
      outcome,
      { status, words: shown.words || 'a status that is not an answer to this request' },
      now,
    );
  }
  if (isPage(outcome) && status < 400) return paused(shown, outcome);
  if (status < 300) return classifySuccess(outcome, shown, now, records);
  switch (status) {
    case 400:
    case 413:
    case 422:
      return { kind: 'rejected', ...shown, aboutItself: status === 413 || wordsAboutItself(shown.words) };
    case 408:
    case 502:
    case 503:
    case 504:
    case 507:
      return retry(outcome, shown, now);
    case 429:
      return retry(outcome, shown, now, 'too-much');
    default:
      return status < 500 ? paused(shown, outcome) : retry(outcome, shown, now, 'failing');
  }
}

function classifySuccess(
  response: ExporterResponse,
  { status }: Pick<Shown, 'status'>,
  now: number,
  records: number,
): Accepted | Paused | Retry {
  // The missing part may have been a partial success. The same bytes, sent again under the same ids, will show it.
  if (!response.complete) {
    return retry(response, { status, words: 'the response was cut off' }, now, 'unanswered');
  }
  const { forbidden, ...partial } = partialSuccess(response);
  // A credential without the right to write to any index is not the fault of these records.
  if (forbidden && partial.rejected >= records) {
    const advice = adviceFor(403, false, undefined);
    return { kind: 'paused', status, words: partial.words, advice, perhapsRecord: false };
  }
  return { kind: 'accepted', status, ...partial };
}

/** Errors that a repeat never fixes, since what is configured cannot be made into a request. */
const UNSENDABLE = /^ERR_(INVALID_|UNESCAPED_)/;

function classifyFailure({ error, unanswered = false, grpc }: ExporterFailure): Paused | Retry {
  const shown = { status: undefined, words: wordsOf({ error }) };
  if (UNSENDABLE.test((error as NodeJS.ErrnoException).code ?? '')) {
    return { kind: 'paused', ...shown, advice: UNSENDABLE_ADVICE, perhapsRecord: false };
  }
  if (grpc === 'certain') return pausedByGrpc(shown);
  const words = grpc === 'likely' ? `${shown.words}. ${GRPC_ADVICE}` : shown.words;
  const suspicion = unanswered ? 'unanswered' : undefined;
  return { kind: 'retry', status: undefined, words, retryAfterMs: undefined, suspicion };
}

function retry(response: ExporterResponse, shown: Shown, now: number, suspicion?: Suspicion): Retry {
  // A date in `Retry-After` is by the receiver's own clock.
  const retryAfterMs = retryAfter(response.headers, parseHttpDate(response.headers['date']) ?? now);
  // A request above the burst may get the shortest `Retry-After` for ever: then waiting does not help.
  const waitingHelps = suspicion === 'too-much' && (retryAfterMs ?? 0) > SHORTEST_PAUSE;
  return { kind: 'retry', ...shown, retryAfterMs, suspicion: waitingHelps ? undefined : suspicion };
}

const PERHAPS_RECORD: readonly number[] = [403, 406];

function paused(shown: Shown, response: ExporterResponse): Paused {
  const { status, headers } = response;
  const advice = adviceFor(status, isPage(response), headers['location']);
  return { kind: 'paused', ...shown, advice, perhapsRecord: PERHAPS_RECORD.includes(status) };
}

/** A gRPC server may answer 200 to everything, and accept nothing. */
function isGrpc({ status, headers }: ExporterResponse): boolean {
  return status < 500 && headers['content-type']?.startsWith('application/grpc') === true;
}

/** The words hold the advice too, because they are shown where the advice is not. */
function pausedByGrpc({ status, words }: Shown): Paused {
  const both = [words, GRPC_ADVICE].filter((text) => text !== '').join('. ');
  return { kind: 'paused', status, words: both, advice: GRPC_ADVICE, perhapsRecord: false };
}

const UNSENDABLE_ADVICE =
  'Check `endpoint` and the values of `headers` for characters that HTTP does not allow.';

/** What an operator does when a destination rejects everything, though requests reach a receiver. */
export const REJECTS_EVERYTHING_ADVICE =
  'Check `protocol` (some receivers accept only one), `profile`, and whether the endpoint is a receiver of logs.';

/** What an operator does when the body of a success cannot be read. */
export const UNREAD_ADVICE =
  'Records that it rejects by a partial success go unnoticed. Check that `endpoint` is a receiver of OTLP, and whether a proxy on the way changes its responses.';

/** What an operator does about a response that says that the destination is set up wrongly. */
function adviceFor(status: number, html: boolean, location: string | undefined): string {
  if (status >= 300 && status < 400) {
    const target = location === undefined ? '' : ` (it points to ${bare(location)})`;
    return `Redirects are not followed. Set \`endpoint\` to the URL that accepts logs${target}.`;
  }
  if (status === 403 || status === 406) {
    return 'Check the credential in `headers`, its right to write logs, and what a filter in front of the receiver rejects.';
  }
  if (html) {
    return 'A web page answered. Set `endpoint` to the receiver itself, not to a login page or a user interface.';
  }
  switch (status) {
    case 401:
      return 'Check the credential in `headers`, and its right to write logs. Secret files are read again automatically.';
    case 404:
    case 405:
      return 'Check `endpoint`: there is no receiver of OTLP logs at this URL (`/v1/logs` is added to it).';
    case 415:
      return 'Set `protocol` to the encoding that the receiver accepts, or `compression` to none.';
    default:
      return 'Check `endpoint`, `headers` and `protocol` against the documentation of the receiver.';
  }
}

/** Without its query, which may hold a token. */
function bare(location: string): string {
  return maskForeign(location.replace(/[?#].*$/s, '')).slice(0, 200);
}

/** A response in one line, for people. */
export function describeResponse({ status, words }: Shown): string {
  const outcome = status === undefined ? 'no answer' : `HTTP ${status}`;
  return words === '' ? outcome : `${outcome}: ${words}`;
}

/** A response as fields of our log. */
export function responseFields({ status, words }: Shown) {
  return {
    ...(status === undefined ? {} : { http: { response: { status_code: status } } }),
    ...(words === '' ? {} : { error: { message: words } }),
  };
}
