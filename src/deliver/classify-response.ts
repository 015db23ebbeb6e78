import { isNoAnswer } from '../http/response.ts';
import { parseHttpDate, retryAfter, SHORTEST_PAUSE } from '../http/retry.ts';
import type { ExportOutcome, ExportResponse, ExportFailure } from '../otlp/exchange.ts';
import { adviceFor, NETWORK_ADVICE } from './advice.ts';
import { GRPC_ADVICE } from '../otlp/exchange.ts';
import { isPage, partialSuccess, wordsAboutItself, wordsOf } from './response-body.ts';

/** What a destination's answer to one request means for us. */
export type Answer = Acknowledge | Wait | Pause | Bisect;

interface Told {
  /** Undefined when nothing came back. */
  readonly status: number | undefined;
  /** The server's own, or the network error's: printable, at most 500 characters. */
  readonly words: string;
}

/** Taken. `rejected` records of the request were refused for good. */
export interface Acknowledge extends Told {
  readonly kind: 'acknowledge';
  readonly rejected: number;
  /** All that was refused is there already. */
  readonly duplicatesOnly: boolean;
  /** The ids of all records that were refused for good; empty when it does not say which. */
  readonly named: readonly string[];
  /** Why it is not known whether records were refused: the body cannot be read. Undefined when it can. */
  readonly unread: string | undefined;
}

/** Not now: the same bytes again, after `retryAfterMs` or a backoff. */
export interface Wait extends Told {
  readonly kind: 'wait';
  readonly retryAfterMs: number | undefined;
  /**
   * Why waiting alone may not help, when it lasts. too-much: a rate limit's burst below the batch's size.
   * failing: a receiver without a queue, whose backend refuses a record for good. unanswered: a request that is too much
   * for its time-out, or a record that the receiver, or what is before it, breaks off at.
   */
  readonly suspicion: Suspicion | undefined;
}

export type Suspicion = 'too-much' | 'failing' | 'unanswered';

/** The destination is set up wrongly: the data is kept until that is mended. */
export interface Pause extends Told {
  readonly kind: 'pause';
  readonly whatToDo: string;
  /** A filter before the receiver may have refused a single record: 403 and 406 say no more. */
  readonly perhapsRecord: boolean;
}

/** Something in the request is refused: halve it, down to the record at fault. */
interface Bisect extends Told {
  readonly kind: 'bisect';
  /** The words (or 413) are about the age or the size of what was sent: a single record is at fault itself. */
  readonly aboutItself: boolean;
}

const NO_ANSWER = 'a status that is no answer to this request';

/** What was seen, understood. `now`: epoch milliseconds, for `Retry-After` dates of a server without a `Date`. `records`: how many were sent. */
export function understand(seen: ExportOutcome, now: number, records = Infinity): Answer {
  if ('error' in seen) return understandFailure(seen);
  const { status } = seen;
  const told = { status, words: wordsOf(seen) };
  if (isGrpc(seen)) return grpcPort(told);
  if (isNoAnswer(status)) return wait(seen, { status, words: told.words || NO_ANSWER }, now);
  if (isPage(seen) && status < 400) return pause(told, seen);
  if (status < 300) return understandSuccess(seen, told, now, records);
  switch (status) {
    case 400:
    case 413:
    case 422:
      return { kind: 'bisect', ...told, aboutItself: status === 413 || wordsAboutItself(told.words) };
    case 408:
    case 502:
    case 503:
    case 504:
    case 507:
      return wait(seen, told, now);
    case 429:
      return wait(seen, told, now, 'too-much');
    default:
      return status < 500 ? pause(told, seen) : wait(seen, told, now, 'failing');
  }
}

function understandSuccess(
  seen: ExportResponse,
  told: Told,
  now: number,
  records: number,
): Acknowledge | Pause | Wait {
  // What was cut off may have been a partial success: the same bytes again, under the same ids, will tell.
  if (!seen.complete)
    return wait(seen, { ...told, words: 'the answer ended before it was complete' }, now, 'unanswered');
  const { forbidden, ...partial } = partialSuccess(seen);
  // No right to any of the indices is no matter of these records.
  if (forbidden && partial.rejected >= records) {
    const { status } = told;
    return {
      kind: 'pause',
      status,
      words: partial.words,
      whatToDo: adviceFor(403, false, undefined),
      perhapsRecord: false,
    };
  }
  return { kind: 'acknowledge', status: told.status, ...partial };
}

function wait(seen: ExportResponse, told: Told, now: number, suspicion?: Suspicion): Wait {
  // Times that are told count from the receiver's own clock.
  const retryAfterMs = retryAfter(seen.headers, parseHttpDate(seen.headers['date']) ?? now);
  // A burst that is too large is told to come back at once, for ever.
  const waitingHelps = suspicion === 'too-much' && (retryAfterMs ?? 0) > SHORTEST_PAUSE;
  return { kind: 'wait', ...told, retryAfterMs, suspicion: waitingHelps ? undefined : suspicion };
}

const PERHAPS_RECORD: readonly number[] = [403, 406];

function pause(told: Told, seen: ExportResponse): Pause {
  const whatToDo = adviceFor(seen.status, isPage(seen), seen.headers['location']);
  return { kind: 'pause', ...told, whatToDo, perhapsRecord: PERHAPS_RECORD.includes(seen.status) };
}

/** Errors that no repeat mends, since the request could not even be made of what is configured. */
const UNSENDABLE = /^ERR_(INVALID_|UNESCAPED_)/;

function understandFailure({ error, unanswered = false, grpc }: ExportFailure): Pause | Wait {
  const told = { status: undefined, words: wordsOf({ error }) };
  if (UNSENDABLE.test((error as NodeJS.ErrnoException).code ?? '')) {
    return { kind: 'pause', ...told, whatToDo: NETWORK_ADVICE, perhapsRecord: false };
  }
  if (grpc === 'certain') return grpcPort(told);
  const words = grpc === 'likely' ? `${told.words}. ${GRPC_ADVICE}` : told.words;
  const suspicion = unanswered ? 'unanswered' : undefined;
  return { kind: 'wait', status: undefined, words, retryAfterMs: undefined, suspicion };
}

/** What is served by gRPC under this URL may say 200 to everything, and take nothing. */
function isGrpc({ status, headers }: ExportResponse): boolean {
  return status < 500 && headers['content-type']?.startsWith('application/grpc') === true;
}

/** It is no receiver of OTLP over HTTP. The words are shown where the advice is not. */
function grpcPort({ status, words }: Told): Pause {
  const what = [words, GRPC_ADVICE].filter((text) => text !== '').join('. ');
  return { kind: 'pause', status, words: what, whatToDo: GRPC_ADVICE, perhapsRecord: false };
}
