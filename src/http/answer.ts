import { UnexpectedAnswerError } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { RawAnswer } from './exchange.ts';
import type { HttpAnswer } from './http.ts';
import { parseHttpDate } from './retry-after.ts';

/** The answer as a source sees it. `now`: the vendor's clock, for an answer without `Date`. */
export function answerOf(raw: RawAnswer, now: number): HttpAnswer {
  return {
    status: raw.status,
    headers: raw.headers,
    date: parseHttpDate(raw.headers['date']) ?? now,
    text: raw.text,
    json: (options) => json(raw, options),
  };
}

function json({ text, url, status }: RawAnswer, options?: { decimalText?: readonly string[] }): unknown {
  try {
    return parseJson(text, options);
  } catch {
    // The parser's own message quotes the body, which is not for the log.
    const message = `${url} answered ${status} with ${text.length} characters that are no JSON. Check base_url, and whether the vendor changed its API.`;
    throw new UnexpectedAnswerError(message, url, status);
  }
}
