import type { AllowedOrigin, HttpRequest } from '../../core/http.ts';
import type { Shape } from '../../core/rows.ts';
import type { Span } from '../../core/span.ts';
import { digest } from '../../ecs/uid.ts';
import { type Answer, type AnswerValue, saysYes } from './answer.ts';
import { replacedAt, type Steps } from './path.ts';
import { type BuiltRequest, buildRequest, type RequestTemplate } from './request.ts';
import { textOf, type Variables } from './template.ts';

/** Where a token, an offset or a page number is put; undefined: the request itself uses the variable. */
export type Parameter = { readonly query: string } | { readonly body: Steps } | undefined;

/** How an answer in several pages is read. */
export type Paging =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'next_url';
      readonly from: AnswerValue;
      readonly origins: readonly AllowedOrigin[];
      readonly more: AnswerValue | undefined;
    }
  | {
      readonly kind: 'next_token';
      readonly from: AnswerValue;
      readonly at: Parameter;
      /** The token is sent without the other parameters. */
      readonly only: boolean;
      readonly more: AnswerValue | undefined;
    }
  | {
      readonly kind: 'offset';
      readonly at: Parameter;
      readonly size: number;
      readonly total: AnswerValue | undefined;
      readonly more: AnswerValue | undefined;
    }
  | {
      readonly kind: 'page';
      readonly at: Parameter;
      readonly first: number;
      readonly size: number | undefined;
      readonly pages: AnswerValue | undefined;
      readonly total: AnswerValue | undefined;
      readonly more: AnswerValue | undefined;
    }
  | { readonly kind: 'keyset'; readonly size: number };

/** The quota route of all requests of a definition. */
export const ROUTE = 'api';

/** What the requests of one walk have in common. */
export interface WalkParts {
  readonly request: RequestTemplate;
  readonly paging: Paging;
  /** `options`, `from`, `to`, `position`. */
  readonly variables: Variables;
  readonly shape: Shape | undefined;
  /** The span that is asked for. */
  readonly asked?: Span | undefined;
}

/** The requests of one walk through the pages of an answer. */
export class Pager {
  readonly #parts: WalkParts;
  readonly #seen = new Set<string>();
  #offset = 0;
  #page: number;
  #received = 0;

  constructor(parts: WalkParts) {
    this.#parts = parts;
    this.#page = parts.paging.kind === 'page' ? parts.paging.first : 0;
  }

  first(): HttpRequest {
    return this.#send(this.#numbered());
  }

  /**
   * The request after an answer; undefined when the walk ended.
   * @throws UnexpectedAnswerError when the answer leads to what was requested before although it promises more
   */
  next(answer: Answer): HttpRequest | undefined {
    const { paging } = this.#parts;
    this.#received += answer.rows.length;
    switch (paging.kind) {
      case 'next_url': {
        const url = this.#promised(answer, paging, 'URL');
        if (url === undefined) return undefined;
        const target = answer.response.resolve(textOf(url));
        this.#once(answer, target, 'next URL');
        const { method, headers, body } = this.#build();
        return this.#complete({ method, headers, body }, { url: target, origins: paging.origins });
      }
      case 'next_token': {
        const value = this.#promised(answer, paging, 'token');
        if (value === undefined) return undefined;
        const token = Array.isArray(value)
          ? value.map(textOf).join(',')
          : (value as string | number | bigint);
        this.#once(answer, String(token), 'token');
        return this.#send(withParameter(this.#build(), paging.at, { value: token, only: paging.only }));
      }
      case 'offset':
        this.#offset += answer.rows.length;
        if (answer.rows.length === 0 || this.#reachedEnd(answer, paging)) return undefined;
        return this.#send(this.#numbered());
      case 'page':
        this.#page += 1;
        if (answer.rows.length === 0 || this.#reachedEnd(answer, paging)) return undefined;
        if (paging.pages !== undefined && this.#page - paging.first >= countOf(answer, paging.pages))
          return undefined;
        return this.#send(this.#numbered());
      case 'none':
      case 'keyset':
      default:
        return undefined;
    }
  }

  #promised(
    answer: Answer,
    { from, more }: { readonly from: AnswerValue; readonly more: AnswerValue | undefined },
    what: string,
  ): unknown {
    if (more !== undefined && !saysYes(answer.value(more))) return undefined;
    const value = answer.value(from);
    if (more !== undefined && value === undefined)
      throw answer.unexpected(`it promises more, but has no ${what} for it`);
    return Array.isArray(value) && value.length === 0 ? undefined : value;
  }

  #once(answer: Answer, target: string, what: string): void {
    const hash = digest(target);
    if (this.#seen.has(hash))
      throw answer.unexpected(`it gives the same ${what} as an earlier page, so the walk would not end`);
    this.#seen.add(hash);
  }

  #reachedEnd(
    answer: Answer,
    { total, more }: { readonly total: AnswerValue | undefined; readonly more: AnswerValue | undefined },
  ): boolean {
    if (more !== undefined && !saysYes(answer.value(more))) return true;
    return total !== undefined && this.#received >= countOf(answer, total);
  }

  #build(): BuiltRequest {
    const { request, variables, paging } = this.#parts;
    const size = 'size' in paging ? paging.size : undefined;
    return buildRequest(request, {
      ...variables,
      offset: BigInt(this.#offset),
      page: BigInt(this.#page),
      ...(size !== undefined && { size: BigInt(size) }),
    });
  }

  /** The request with its offset or page number. */
  #numbered(): BuiltRequest {
    const { paging } = this.#parts;
    const built = this.#build();
    if (paging.kind === 'offset') return withParameter(built, paging.at, { value: this.#offset });
    return paging.kind === 'page' ? withParameter(built, paging.at, { value: this.#page }) : built;
  }

  #send({ path, query, ...rest }: BuiltRequest): HttpRequest {
    return this.#complete(rest, { path, query });
  }

  #complete(
    { method, headers, body }: Pick<BuiltRequest, 'method' | 'headers' | 'body'>,
    target:
      | Pick<HttpRequest & { readonly path: string }, 'path' | 'query'>
      | { readonly url: string; readonly origins: readonly AllowedOrigin[] },
  ): HttpRequest {
    const { shape, asked } = this.#parts;
    return {
      ...target,
      method,
      headers,
      route: ROUTE,
      ...(body !== undefined && { body: { json: body } }),
      ...(shape !== undefined && { rows: shape }),
      ...(asked !== undefined && { asked }),
    };
  }
}

/** A request with one more parameter, which replaces one of the same name. `only`: without the others, in query and body. */
function withParameter(
  built: BuiltRequest,
  at: Parameter,
  { value, only = false }: { readonly value: string | number | bigint; readonly only?: boolean },
): BuiltRequest {
  if (at === undefined) return built;
  const { query, body } = only ? { query: [], body: undefined } : built;
  if ('body' in at) return { ...built, query, body: replacedAt(body, at.body, value) };
  const others = query.filter(([name]) => name !== at.query);
  return { ...built, query: [...others, [at.query, String(value)]], body };
}

function countOf(answer: Answer, value: AnswerValue): number {
  const count = answer.value(value);
  const number = typeof count === 'string' && /^\d{1,15}$/.test(count) ? Number(count) : count;
  if (count === undefined) return Infinity;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw answer.unexpected('a count of records or pages is no number');
}
