import { UnreadableAnswerError } from '../core/errors.ts';
import { readRows } from '../core/rows.ts';
import type { RawAnswer } from './exchange.ts';
import type { HttpAnswer, HttpRequest } from '../core/http.ts';
import { parseHttpDate } from './retry-after.ts';
import { clockReadingOf } from './vendor-clock.ts';

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
