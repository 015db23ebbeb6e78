import { hash } from 'node:crypto';
import { RefusedError, UnexpectedAnswerError } from '../../core/errors.ts';
import type { HttpResponse } from '../../core/http.ts';
import { Rows } from '../../core/rows.ts';
import type { SourceContext, Span } from '../../core/source.ts';
import { errorIn, listOf } from '../_kit/answer.ts';
import type { Options } from './schemas.ts';

/** A request for a part of one of the console's lists. */
export interface ListRequest {
  readonly path: string;
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  /** Of the first element, from 0. */
  readonly offset: number;
  readonly limit: number;
  /** The span that the filter asks for, if it does. */
  readonly asked?: Span;
}

/** A part of a list. */
export interface ListPart {
  readonly rows: Rows;
  /** Whether more elements follow. */
  readonly more: boolean;
  /** The number of elements of the whole list, where the console says so. */
  readonly total: number | undefined;
  /** Where this part begins in the list, where the console says so. */
  readonly start: number | undefined;
  /** The console's clock, epoch ms. */
  readonly date: number;
  /** Our clock when it answered, epoch ms; undefined when it only answered that there is no such part. */
  readonly at: number | undefined;
  /** The console marks this version of its API as deprecated. */
  readonly deprecated: boolean;
  /** A hash of the body. */
  readonly digest: string;
}

/**
 * Asks for a part of a list with the `Range` header (IBM's "Paging", c_rest_api_paging).
 *
 * `Content-Range` is only a hint. An empty part ends the list. A short part ends it too, unless the total says that more
 * follows. A full part proves nothing, because the total may be the number of elements received.
 *
 * @throws UnexpectedAnswerError when the answer is not a JSON array.
 */
export async function getPart(context: SourceContext<Options>, request: ListRequest): Promise<ListPart> {
  const { path, route, query, offset, limit, asked } = request;
  const { api_version: version } = context.options;
  const range = `items=${offset}-${offset + limit - 1}`;
  try {
    const answer = await context.http.get({
      path,
      route,
      query,
      headers: version === undefined ? { range } : { range, version },
      retryTimeouts: false,
      rows: { rows: true },
      ...(asked !== undefined && { asked }),
    });
    return partOf(answer, request, context.options.base_url);
  } catch (error) {
    if (!(error instanceof RefusedError && error.status === 416)) throw error;
    return {
      rows: Rows.of(),
      more: false,
      total: undefined,
      start: undefined,
      date: context.now(),
      at: undefined,
      deprecated: false,
      digest: '',
    };
  }
}

function partOf(answer: HttpResponse, { path, offset, limit }: ListRequest, baseUrl: string): ListPart {
  const rows = listOf(answer);
  if (rows === undefined) {
    const failure = errorIn(answer.json());
    throw new UnexpectedAnswerError(
      `The answer of ${path} is not a JSON array${failure === undefined ? '' : `: ${failure}`}. Check that base_url is the console, not a proxy's page or another API.`,
      baseUrl + path,
      answer.status,
    );
  }
  const { start, total } = contentRange(answer.headers['content-range']);
  // More rows than requested: the console ignored `Range` and sent all of them.
  const full = rows.length === limit;
  const promised = rows.length > 0 && total !== undefined && offset + rows.length < total;
  const deprecated = answer.headers['deprecated'] !== undefined;
  const digest = hash('sha256', answer.body);
  const { date, at } = answer;
  return { rows, more: full || promised, total, start, date, at, deprecated, digest };
}

/** The header is `items 0-4/12`, or `items *\/12` past the end. */
function contentRange(header: string | undefined): { start: number | undefined; total: number | undefined } {
  const [, start, total] = /^items\s+(?:(\d+)-\d+|\*)\/(\d+)$/.exec(header ?? '') ?? [];
  return {
    start: start === undefined ? undefined : Number(start),
    total: total === undefined ? undefined : Number(total),
  };
}

/** 422 with the documented code 1030: this console does not sort, or not by this field. */
export function isSortRefusal(error: unknown): boolean {
  return error instanceof RefusedError && error.status === 422 && codeOf(error.body) === 1030;
}

/** Adds to a refusal what to do about it, where that is known. Other errors are returned unchanged. */
export function explained(error: unknown): unknown {
  if (!(error instanceof RefusedError)) return error;
  const advice = adviceFor(error);
  if (advice === undefined) return error;
  return new RefusedError(`${error.message} ${advice}`, error.url, error.status ?? 0, error.body);
}

function adviceFor({ status, body }: RefusedError): string | undefined {
  if (status === 404)
    return 'Check that base_url is the console, without `/api`. The list exists since API version 12.';
  if (status !== 422) return undefined;
  if (/version/i.test(body)) {
    return 'The console does not offer this version of its API: set api_version to one that it lists at /api/help/versions.';
  }
  return ADVICE[codeOf(body) ?? 0];
}

/** By the vendor's code (IBM's and Juniper's API references, `GET /access/login_attempts`, response codes). */
const ADVICE: Readonly<Record<number, string>> = {
  11: 'This API version does not accept the type of a parameter: set api_version.',
  30: 'This API version does not know one of the five fields: set api_version.',
  36: 'The console rejects the Range header: check whether a proxy changes it.',
  1005: 'The console rejects a parameter: set api_version to a version that documents filter, fields and Range.',
  1010: 'The console rejects the filter: set api_version to a version that documents the field attempt_time.',
};

/** The vendor's error code. The body repeats the HTTP status as another `code`, inside `http_response`. */
function codeOf(body: string): number | undefined {
  const own = body.replace(/"http_response"\s*:\s*\{[^}]*\}/, '');
  const [, code] = /"code"\s*:\s*(\d+)/.exec(own) ?? [];
  return code === undefined ? undefined : Number(code);
}
