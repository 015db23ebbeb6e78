import type { Path } from '../../config/problems.ts';
import type { Checks } from './checks.ts';
import type { Paging, Parameter } from './pager.ts';
import { answerValue, steps } from './parse-values.ts';
import { type RequestTemplate, uses } from './request.ts';
import type { RawDefinition, RawValue } from './schema.ts';
import type { OptionTypes } from './terms.ts';

type RawPaging = NonNullable<RawDefinition['paging']>;

/** What checking `paging` needs. */
export interface PagingParts {
  readonly checks: Checks;
  readonly options: OptionTypes;
  readonly request: RequestTemplate | undefined;
  /** The request uses a secret in its body. */
  readonly secretBody: boolean;
}

const KINDS = ['next_url', 'next_token', 'offset', 'page', 'keyset'] as const;

/** The kind of paging that is written; undefined: none. */
export function pagingKind(raw: RawDefinition['paging']): (typeof KINDS)[number] | undefined {
  return KINDS.find((kind) => raw?.[kind] !== undefined);
}

/** Checks `paging`. What is wrong was reported. */
export function pagingOf(parts: PagingParts, raw: RawDefinition['paging']): Paging {
  if (raw === undefined) return { kind: 'none' };
  const given = KINDS.filter((kind) => raw[kind] !== undefined);
  if (given.length !== 1)
    parts.checks.add(
      ['paging'],
      `expected exactly one of ${KINDS.join(', ')}${given.length === 0 ? '' : ` (got ${given.join(' and ')})`}`,
    );
  const [kind] = given;
  switch (kind) {
    case 'next_url':
      return nextUrl(parts, raw.next_url);
    case 'next_token':
      return nextToken(parts, raw.next_token);
    case 'offset':
      return offset(parts, raw.offset);
    case 'page':
      return page(parts, raw.page);
    case 'keyset':
      return { kind: 'keyset', size: raw.keyset?.size ?? 1 };
    case undefined:
    default:
      return { kind: 'none' };
  }
}

function value(parts: PagingParts, path: Path, raw: RawValue | undefined) {
  return raw === undefined ? undefined : answerValue(parts, path, raw);
}

function nextUrl(parts: PagingParts, raw: RawPaging['next_url']): Paging {
  const path = ['paging', 'next_url'];
  const from = value(parts, [...path, 'from'], raw?.from);
  if (raw === undefined || from === undefined) return { kind: 'none' };
  const origins = raw.allow_origins.map((one) =>
    typeof one === 'string'
      ? { origin: new URL(one).origin, credential: false }
      : { ...one, origin: new URL(one.origin).origin },
  );
  if (parts.secretBody && origins.some(({ credential }) => !credential))
    parts.checks.add(
      [...path, 'allow_origins'],
      'the body of the request holds a secret, so another origin needs `credential: true`',
    );
  return { kind: 'next_url', from, origins, more: value(parts, [...path, 'more'], raw.more) };
}

function nextToken(parts: PagingParts, raw: RawPaging['next_token']): Paging {
  const path = ['paging', 'next_token'];
  const from = value(parts, [...path, 'from'], raw?.from);
  if (raw === undefined || from === undefined) return { kind: 'none' };
  const at = parameter(parts, path, { raw, variable: undefined });
  return { kind: 'next_token', from, at, only: raw.only, more: value(parts, [...path, 'more'], raw.more) };
}

function offset(parts: PagingParts, raw: RawPaging['offset']): Paging {
  const path = ['paging', 'offset'];
  if (raw === undefined) return { kind: 'none' };
  return {
    kind: 'offset',
    at: parameter(parts, path, { raw, variable: 'offset' }),
    size: raw.size,
    total: value(parts, [...path, 'total'], raw.total),
    more: value(parts, [...path, 'more'], raw.more),
  };
}

function page(parts: PagingParts, raw: RawPaging['page']): Paging {
  const path = ['paging', 'page'];
  if (raw === undefined) return { kind: 'none' };
  return {
    kind: 'page',
    at: parameter(parts, path, { raw, variable: 'page' }),
    first: raw.first,
    size: raw.size,
    pages: value(parts, [...path, 'pages'], raw.pages),
    total: value(parts, [...path, 'total'], raw.total),
    more: value(parts, [...path, 'more'], raw.more),
  };
}

interface Placed {
  readonly raw: { readonly query?: string | undefined; readonly body?: string | undefined };
  /** The variable by which the request may name it itself. */
  readonly variable: string | undefined;
}

function parameter({ checks, request }: PagingParts, path: Path, { raw, variable }: Placed): Parameter {
  if (raw.query !== undefined && raw.body !== undefined) checks.add(path, 'set either `query` or `body`');
  if (raw.query !== undefined) return { query: raw.query };
  if (raw.body !== undefined) {
    if (request?.method === 'GET')
      checks.add([...path, 'body'], 'a GET request has no body; set `method: POST`');
    return { body: steps(checks, [...path, 'body'], raw.body) };
  }
  if (variable !== undefined && (request === undefined || uses(request, variable))) return undefined;
  const other = variable === undefined ? '' : `, or use the variable \`${variable}\` in the request`;
  checks.add(path, `set \`query\` or \`body\`${other}`);
  return undefined;
}
