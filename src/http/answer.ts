import { UnreadableAnswerError } from '../errors.ts';
import { parseJson } from '../json.ts';
import type { RawAnswer } from './exchange.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import { parseHttpDate } from './retry-after.ts';

/**
 * The answer as a source sees it. `now`: the vendor's clock, for an answer without `Date`.
 * @throws UnreadableAnswerError when it is no JSON
 */
export function answerOf(
  raw: RawAnswer,
  { decimalText }: Pick<HttpRequest, 'decimalText'>,
  now: number,
): HttpAnswer {
  const body = json(raw, { decimalText });
  return {
    status: raw.status,
    headers: raw.headers,
    date: parseHttpDate(raw.headers['date']) ?? now,
    text: raw.text,
    json: (options) => (options === undefined ? body : json(raw, options)),
  };
}

function json({ text, url, status }: RawAnswer, options: Pick<HttpRequest, 'decimalText'>): unknown {
  // No Content and Reset Content: these have no body to be JSON.
  if (status === 204 || status === 205) return null;
  try {
    return parseJson(text, options);
  } catch {
    // The parser's own message quotes the body, which is not for the log.
    const message = `${url} answered ${status} with ${text.length} characters that are no JSON, or only a part of it. Check base_url, what a proxy on the way may cut, and whether the vendor changed its API.`;
    throw new UnreadableAnswerError(message, url, status);
  }
}
