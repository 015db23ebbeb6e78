import type { Entry } from './qradar-entry.ts';
import type { View } from './qradar-attempts.ts';
import { rangeOf } from './qradar-parameters.ts';
import type { SimulatedAnswer, SimulatedRequest } from './server.ts';

/** What an answer holds of the whole list; `first` and `last` are undefined when nothing. */
interface ContentRange {
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly total: number;
}

export interface Paging {
  /** The most rows of one answer, whatever was asked for. */
  readonly maxPage?: number | undefined;
  /** Another `Content-Range` than the honest one; undefined: none. */
  readonly contentRange?: ((honest: ContentRange) => string | undefined) | undefined;
}

/**
 * One answer of a list: the asked range of it, with `Content-Range: items a-b/N`, or `items *\/N` and no rows past its
 * end (c_rest_api_paging). Without a `Range` all of it, and no `Content-Range`. @throws Refusal 422/36
 */
export function listAnswer(
  request: SimulatedRequest,
  view: View,
  fields: readonly string[] | undefined,
  { maxPage = Infinity, contentRange = honestly }: Paging,
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

function honestly({ first, last, total }: ContentRange): string {
  return first === undefined ? `items */${total}` : `items ${first}-${last}/${total}`;
}

function rangeHeader(value: string | undefined): Readonly<Record<string, string>> {
  return value === undefined ? {} : { 'content-range': value };
}
