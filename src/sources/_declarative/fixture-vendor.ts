import { type Difference, differencesOf } from './difference.ts';
import type { Exchange, FixturePoll } from './fixture.ts';
import type { SeenRequest } from './simulated-request.ts';
import type { SimulatedAnswer } from './simulated-vendor.ts';

/** The vendor of a fixture's poll: compares each request with the one that is expected, and gives its response. */
export class FixtureVendor {
  /** What was asked in another way than expected, so far. */
  readonly differences: Difference[] = [];
  readonly #poll: FixturePoll;
  readonly #isPartial: boolean;
  #answered = 0;

  /** `isPartial`: what is asked after the last exchange is no difference. */
  constructor(poll: FixturePoll, isPartial: boolean) {
    this.#poll = poll;
    this.#isPartial = isPartial;
  }

  answer(request: SeenRequest): SimulatedAnswer {
    const { at, exchanges } = this.#poll;
    const place = `${at}[${this.#answered}]`;
    const expected = exchanges[this.#answered];
    this.#answered += 1;
    if (expected === undefined) {
      if (!this.#isPartial) this.differences.push({ at: place, got: lineOf(request.method, urlOf(request)) });
      return { status: 404, body: { error: 'The fixture has no more exchanges.' } };
    }
    this.differences.push(...compared(`${place}.request`, expected.request, request));
    const { status, headers, body } = expected.response;
    return {
      status,
      headers: texts(headers),
      ...(body !== undefined && { body }),
    };
  }

  /** Whether more was asked than the fixture answers. */
  get isExhausted(): boolean {
    return this.#answered > this.#poll.exchanges.length;
  }

  /** Adds the requests that did not come. */
  end(): void {
    const { at, exchanges } = this.#poll;
    for (const [index, { request }] of exchanges.entries())
      if (index >= this.#answered)
        this.differences.push({
          at: `${at}[${index}]`,
          expected: lineOf(request.method ?? 'GET', request.path ?? ''),
        });
  }
}

/** A request as a fixture expects it. An assertion is never the same twice, so it is left out. */
export function requestOf(request: SeenRequest): Exchange['request'] {
  const { method, path, query, body } = request;
  const text = body.toString('utf8');
  const found = bodyOf(request, undefined);
  return {
    method,
    path,
    ...(query.size > 0 && { query: parametersOf(query) as Exchange['request']['query'] }),
    ...(text !== '' && !/assertion=/.test(text) && { body: found }),
  };
}

function lineOf(method: string, url: string): string {
  return `${method} ${url}`;
}

function urlOf({ path, query }: SeenRequest): string {
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

function compared(at: string, expected: Exchange['request'], request: SeenRequest): readonly Difference[] {
  const { method, path, query, headers, body } = expected;
  const found: Difference[] = [];
  if (method !== undefined) found.push(...differencesOf(`${at}.method`, method, request.method));
  if (path !== undefined) found.push(...differencesOf(`${at}.path`, path, request.path));
  if (query !== undefined)
    found.push(...differencesOf(`${at}.query`, asTexts(query), parametersOf(request.query)));
  for (const [name, value] of Object.entries(headers ?? {}))
    found.push(...differencesOf(`${at}.headers.${name}`, String(value), request.headers[name.toLowerCase()]));
  if ('body' in expected) found.push(...differencesOf(`${at}.body`, body, bodyOf(request, body)));
  return found;
}

/** Parameters by name; one that is repeated is a list. */
function parametersOf(query: URLSearchParams): Record<string, unknown> {
  const names = [...new Set(query.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const values = query.getAll(name);
      return [name, values.length === 1 ? values[0] : values];
    }),
  );
}

type Scalar = string | number | boolean;

function asTexts(query: Readonly<Record<string, Scalar | readonly Scalar[]>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [
      name,
      typeof value === 'object' ? value.map(String) : String(value),
    ]),
  );
}

function texts(headers: Readonly<Record<string, Scalar>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
  );
}

/** The body as what is expected of it: text, the parameters of a form, or JSON. */
function bodyOf({ body, headers }: SeenRequest, expected: unknown): unknown {
  const text = body.toString('utf8');
  if (text === '') return undefined;
  if (typeof expected === 'string') return text;
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true)
    return parametersOf(new URLSearchParams(text));
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // It is shown as it is, beside the JSON that is expected.
    return text;
  }
}
