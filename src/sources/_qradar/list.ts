import { hash } from 'node:crypto';
import { errorIn, listOf } from '../_kit/answer.ts';
import { RefusedError, UnexpectedAnswerError } from '../../core/errors.ts';
import type { HttpAnswer } from '../../core/http.ts';
import { Rows } from '../../core/rows.ts';
import type { SourceContext, Span } from '../../core/source.ts';
import type { ConsoleOptions } from './schemas.ts';

/** A part of one of the console's lists, as asked for. */
export interface ListRequest {
  readonly path: string;
  readonly route: string;
  readonly query: Readonly<Record<string, string>>;
  /** Of the first element asked for, from 0. */
  readonly offset: number;
  readonly limit: number;
  /** What the filter asks about, where it does. */
  readonly asked?: Span;
}

/** What was answered. */
export interface ListPart {
  readonly rows: Rows;
  /** Whether more elements follow these. */
  readonly more: boolean;
  /** How many elements the whole list has, and where this part begins in it, where the console says so. */
  readonly total: number | undefined;
  readonly start: number | undefined;
  /** The console's clock, epoch ms. */
  readonly date: number;
  /** Our clock when it answered, epoch ms; undefined when it only said that there is no such part. */
  readonly at: number | undefined;
  /** The console marks this version of its API so. */
  readonly deprecated: boolean;
  /** Of the body: the same for the same bytes. */
  readonly digest: string;
}

/**
 * Asks for a part of a list by the `Range` header (IBM's "Paging", c_rest_api_paging).
 *
 * `Content-Range` is a hint: an empty part ends the list, a short one too unless the total says that more follows,
 * and a full one proves nothing, since the total may be the number of elements received.
 *
 * @throws UnexpectedAnswerError when the answer is no JSON array.
 */
export async function getPart(
  context: SourceContext<ConsoleOptions>,
  request: ListRequest,
): Promise<ListPart> {
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

function partOf(answer: HttpAnswer, { path, offset, limit }: ListRequest, baseUrl: string): ListPart {
  const rows = listOf(answer);
  if (rows === undefined) {
    const failure = errorIn(answer.json());
    throw new UnexpectedAnswerError(
      `${path} answered no JSON array${failure === undefined ? '' : `: ${failure}`}. Is base_url the console itself, and not a proxy's page or another API?`,
      baseUrl + path,
      answer.status,
    );
  }
  const { start, total } = contentRange(answer.headers['content-range']);
  // More rows than asked for: the console took no notice of Range and sent all that there are.
  const full = rows.length === limit;
  const promised = rows.length > 0 && total !== undefined && offset + rows.length < total;
  const deprecated = answer.headers['deprecated'] !== undefined;
  const digest = hash('sha256', answer.body);
  const { date, at } = answer;
  return { rows, more: full || promised, total, start, date, at, deprecated, digest };
}

/** The header is `items 0-4/12`; past the end a star stands for the span. */
function contentRange(header: string | undefined): { start: number | undefined; total: number | undefined } {
  const [, start, total] = /^items\s+(?:(\d+)-\d+|\*)\/(\d+)$/.exec(header ?? '') ?? [];
  return {
    start: start === undefined ? undefined : Number(start),
    total: total === undefined ? undefined : Number(total),
  };
}

/** 422 with the document's code 1030: this console does not sort, or not so. */
export function isSortRefusal(error: unknown): boolean {
  return error instanceof RefusedError && error.status === 422 && codeOf(error.body) === 1030;
}

/** The same error with what to do about it in its message, where we know; anything else as it is. */
export function explained(error: unknown): unknown {
  if (!(error instanceof RefusedError)) return error;
  const advice = adviceFor(error);
  if (advice === undefined) return error;
  return new RefusedError(`${error.message} ${advice}`, error.url, error.status ?? 0, error.body);
}

function adviceFor({ status, body }: RefusedError): string | undefined {
  if (status === 404)
    return 'Is base_url the console, without `/api`? The list exists from API version 12 on.';
  if (status !== 422) return undefined;
  if (/version/i.test(body)) {
    return 'The console does not offer this version of its API: set api_version to one that it lists at /api/help/versions.';
  }
  return ADVICE[codeOf(body) ?? 0];
}

/** By the vendor's code (IBM's and Juniper's API references, `GET /access/login_attempts`, response codes). */
const ADVICE: Readonly<Record<number, string>> = {
  11: 'A parameter has a type that this API version does not take: set api_version.',
  30: 'This API version does not know one of the five fields: set api_version.',
  36: 'The console refuses the Range header: does a proxy change it?',
  1005: 'The console refuses a parameter: set api_version to a version whose document has filter, fields and Range.',
  1010: 'The console refuses the filter: set api_version to a version whose document has the field attempt_time.',
};

/** The vendor's own error code. The body repeats the HTTP status under another `code`, inside `http_response`. */
function codeOf(body: string): number | undefined {
  const own = body.replace(/"http_response"\s*:\s*\{[^}]*\}/, '');
  const [, code] = /"code"\s*:\s*(\d+)/.exec(own) ?? [];
  return code === undefined ? undefined : Number(code);
}
