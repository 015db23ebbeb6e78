import type { Entry, Order, View } from './qradar-attempts.ts';
import { ANY, type Condition, type FieldTypes, FilterError, parseFilter } from './qradar-filter.ts';
import type { SimulatedAnswer, SimulatedRequest } from './server.ts';

/** Which part of the list an answer contains; `first` and `last` are undefined for an empty one. */
interface ContentRange {
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly total: number;
}

export interface Paging {
  /** The most rows of one answer, whatever was requested. */
  readonly maxPage?: number | undefined;
  /** Replaces the correct `Content-Range`; undefined sends none. */
  readonly contentRange?: ((correct: ContentRange) => string | undefined) | undefined;
}

/**
 * One answer of a list: the requested range, with `Content-Range: items a-b/N`, or `items *\/N` and no rows past its
 * end (c_rest_api_paging). Without a `Range` all of it, and no `Content-Range`. @throws Refusal 422/36
 */
export function listAnswer(
  request: SimulatedRequest,
  view: View,
  fields: readonly string[] | undefined,
  { maxPage = Infinity, contentRange = correctRange }: Paging,
): SimulatedAnswer {
  const range = rangeOf(request.headers['range']);
  const from = range?.from ?? 0;
  const to = Math.min(range?.to ?? Infinity, from + maxPage);
  const page = view.slice(from, to);
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      ...(range !== undefined && rangeHeader(contentRange(extent(from, page, view.total)))),
    },
    body: `[${page.map((entry) => entry.select(fields)).join(',')}]`,
  };
}

function extent(from: number, { length }: readonly Entry[], total: number): ContentRange {
  if (length === 0) return { first: undefined, last: undefined, total };
  return { first: from, last: from + length - 1, total };
}

function correctRange({ first, last, total }: ContentRange): string {
  return first === undefined ? `items */${total}` : `items ${first}-${last}/${total}`;
}

function rangeHeader(value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { 'content-range': value };
}

/** The `filter` parameter. @throws Refusal 422/1010 */
export function conditionOf(query: URLSearchParams, fields: FieldTypes, timeField?: string): Condition {
  const text = query.get('filter');
  if (text === null) return ANY;
  try {
    return parseFilter(text, fields, timeField);
  } catch (error) {
    if (error instanceof FilterError)
      throw new Refusal(1010, `Invalid filter criteria supplied. ${error.message}`);
    throw error;
  }
}

/**
 * The `sort` parameter: `+field` or `-field`, comma-separated (c_rest_api_sortsyntax). A raw `+` has become a blank by
 * now, which is not a sign. @throws Refusal 422/1030
 */
export function orderOf(query: URLSearchParams, fields: FieldTypes): readonly Order[] | undefined {
  const text = query.get('sort');
  if (text === null) return undefined;
  return text.split(',').map((part) => {
    const [, sign, field] = /^([+-])(\w+)$/.exec(part) ?? [];
    if (field === undefined || !Object.hasOwn(fields, field)) {
      throw new Refusal(1030, `The sort field or order is not valid: "${part}"`);
    }
    return { field, descending: sign === '-' };
  });
}

/** The `fields` parameter; undefined: all. @throws Refusal 422/30 */
export function fieldsOf(query: URLSearchParams, fields: FieldTypes): readonly string[] | undefined {
  const text = query.get('fields');
  if (text === null) return undefined;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !Object.hasOwn(fields, name));
  if (unknown === undefined) return names;
  throw new Refusal(
    30,
    `Specified field "${unknown}" is not recognized by this endpoint for media type "application/json"`,
  );
}

/**
 * The `Range` header, half-open; undefined: all. A blank after `=` is accepted, because the vendor's pages print one.
 * @throws Refusal 422/36
 */
export function rangeOf(header: string | undefined): { from: number; to: number } | undefined {
  if (header === undefined) return undefined;
  const [, first, last] = /^items= ?(\d+)-(\d+)$/.exec(header) ?? [];
  if (first === undefined || last === undefined) {
    throw new Refusal(
      36,
      'Failed to parse Range header. The syntax of the Range header must follow this pattern: items=x-y',
    );
  }
  if (Number(last) < Number(first)) {
    throw new Refusal(
      36,
      'Range of pages specified in "Range" header is negative. Non-negative page range must be specified.',
    );
  }
  return { from: Number(first), to: Number(last) + 1 };
}

/** The console's text for a status, as in its error bodies. */
const WORDS: Readonly<Record<number, string>> = {
  401: 'You are unauthorized to access the requested resource.',
  403: 'Your account is not authorized to access the requested resource',
  404: 'We could not find the resource you requested.',
  405: 'The requested HTTP method is not supported for this resource.',
  422: 'The request was well-formed but was unable to be followed due to semantic errors',
  500: 'Unexpected internal server error',
};

/** A documented error body (c_rest_api_errors): HTTP status, the endpoint's own code and text. */
export function problem(status: number, code: number, message: string): SimulatedAnswer {
  return {
    status,
    body: {
      message,
      details: {},
      description: '',
      code,
      http_response: { message: WORDS[status] ?? '', code: status },
    },
  };
}

export const NO_CREDENTIALS = problem(
  401,
  18,
  'No SEC header present in request. Please provide it via "SEC: token". You may also use BASIC authentication parameters if this host supports it. e.g. "Authorization: Basic base64Encoding"',
);

export const NO_RIGHTS = problem(
  403,
  26,
  'User has insufficient capabilities to access this endpoint resource',
);

/** Documented as 500/1020, with this spelling. */
export const BROKEN = problem(500, 1020, 'An error occurred while retiriving login attempts.');

/** Thrown for a request that cannot be answered. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
  readonly answer: SimulatedAnswer;

  constructor(code: number, message: string, status = 422) {
    super(message);
    this.answer = problem(status, code, message);
  }
}

/** Which API versions a console knows, newest first, as it lists them: `27.0`. */
export interface Versions {
  readonly supported: readonly string[];
  /** Answered, with a `Deprecated` header. */
  readonly deprecated: readonly string[];
}

/** QRadar 7.5.0 UP14 and JSA 7.5.0, from both vendors' "supported versions" pages: they have no version in common. */
export const VERSIONS: Readonly<Record<'qradar' | 'jsa', Versions>> = {
  qradar: { supported: ['27.0', '26.0', '25.0'], deprecated: ['24.0'] },
  jsa: { supported: ['17.0', '16.0', '15.0'], deprecated: ['14.0'] },
};

/** The headers of an answer in this version; without a version, in the newest. @throws Refusal 422 */
export function versionHeaders(
  version: string | undefined,
  { supported, deprecated }: Versions,
): Readonly<Record<string, string>> {
  if (version === undefined || supported.includes(version)) return {};
  if (deprecated.includes(version)) return { deprecated: `Version ${version} is deprecated` };
  const removed = /^\d+\.0$/.test(version) && Number(version) < Number(supported[0]);
  const fault = removed ? 'has been removed and is no longer valid' : 'is not a valid version';
  throw new Refusal(
    1005,
    `Version (${version}) from header parameter (Version) ${fault}. Please refer to documentation for list of valid versions.`,
  );
}

/** `GET /api/help/versions`. */
export function versionList({ supported, deprecated }: Versions): unknown[] {
  return [...supported, ...deprecated].map((version) => ({
    id: Number.parseInt(version, 10),
    version,
    deprecated: deprecated.includes(version),
    removed: false,
  }));
}
