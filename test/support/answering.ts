import { readResponse } from '../../src/http/response.ts';
import type { HttpResponse, HttpRequest } from '../../src/core/http.ts';
import { toJson } from '../../src/core/json.ts';

/** The answer that the client makes of a body, without a socket. `date`: its `Date`, epoch ms. */
export function answering(body: unknown, request: HttpRequest, date: number): Promise<HttpResponse> {
  const text = toJson(body);
  const raw = {
    url: 'http://vendor',
    status: 200,
    headers: {},
    sent: date,
    at: date,
    body: Buffer.from(text),
    text,
    charset: 'utf-8',
    replaced: 0,
  };
  return readResponse(raw, request, new URL('http://vendor'), date);
}
