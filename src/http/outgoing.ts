import type {
  AllowedOrigin,
  HttpRequest,
  ParameterValue,
  RequestBody,
  RequestParameters,
} from '../core/http.ts';
import { UnexpectedAnswerError } from '../core/errors.ts';
import { toJson } from '../core/json.ts';
import { maskForeign } from '../core/secret.ts';
import { bareUrl } from './way.ts';

/** A request as it is sent, without its credential. It is the same for every attempt. */
export interface Outgoing {
  readonly method: string;
  readonly url: URL;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Whether it may carry the credential: false on another origin that is not trusted with it. */
  readonly credential: boolean;
}

/**
 * Makes what is sent of a request.
 * @throws UnexpectedAnswerError for a URL of an origin that is neither that of `base` nor allowed.
 */
export function outgoing(base: string, request: HttpRequest): Outgoing {
  const { method = 'GET', headers = {} } = request;
  const { type, body } = bodyOf(request.body);
  const { url, credential } =
    request.url === undefined
      ? { url: joinUrl(base, request), credential: true }
      : targetOf(base, request.url, request.origins);
  return { method, url, headers: { ...type, ...lowerCase(headers) }, body, credential };
}

/** A body as text, with the header that names its type. */
export function bodyOf(body: RequestBody | undefined): {
  readonly type?: Readonly<Record<string, string>>;
  readonly body: string | undefined;
} {
  if (body === undefined) return { body: undefined };
  if ('form' in body)
    return { type: { 'content-type': 'application/x-www-form-urlencoded' }, body: encoded(body.form) };
  return { type: { 'content-type': 'application/json' }, body: toJson(body.json) };
}

function targetOf(
  base: string,
  text: string,
  origins: readonly AllowedOrigin[] = [],
): Pick<Outgoing, 'url' | 'credential'> {
  const parsed = URL.parse(text);
  const url = parsed === null ? null : plain(parsed);
  const home = new URL(base);
  if (url?.origin === home.origin) return { url, credential: true };
  const allowed = origins.find(({ origin }) => origin === url?.origin);
  if (url !== null && allowed !== undefined) return { url, credential: allowed.credential };
  const other = url === null ? 'no valid URL' : `another origin, ${maskForeign(nameOf(url))}`;
  throw new UnexpectedAnswerError(
    `An answer of ${home.origin} leads to ${other}. Nothing was sent, because it would receive the credential. If that is the vendor's API, set base_url to it, or allow this origin.`,
    bareUrl(home),
  );
}

/** A URL that a vendor chose, without what it must not choose (a user) and what is never sent (a fragment). */
export function plain(url: URL): URL {
  const copy = new URL(url);
  copy.username = '';
  copy.password = '';
  copy.hash = '';
  return copy;
}

/** The origin of a URL; its scheme where it has none. */
function nameOf({ origin, protocol }: URL): string {
  return origin === 'null' ? protocol : origin;
}

/**
 * The URL of a request: `path` after the path of `base`, always on the same origin. A query in `path` is kept as written
 * and followed by `query`; a fragment is dropped.
 */
export function joinUrl(
  base: string,
  { path, query = {} }: { readonly path: string; readonly query?: RequestParameters },
): URL {
  const { origin, pathname } = new URL(base);
  const url = new URL(`${origin}${pathname.replace(/\/+$/, '')}/${path.replace(/^\//, '')}`);
  url.hash = '';
  return withParameters(url, query);
}

/** The URL with these parameters behind its own, which stay as they are. */
export function withParameters(url: URL, parameters: RequestParameters): URL {
  const copy = new URL(url);
  copy.search = [url.search.slice(1), encoded(parameters)].filter((part) => part !== '').join('&');
  return copy;
}

/** The URL without the parameters of these names; the others stay as they are. */
export function withoutParameters(url: URL, names: ReadonlySet<string>): URL {
  if (names.size === 0) return url;
  const copy = new URL(url);
  copy.search = url.search
    .slice(1)
    .split('&')
    .filter((part) => !names.has([...new URLSearchParams(part).keys()][0] ?? ''))
    .join('&');
  return copy;
}

/** Parameters as text, in their order: see `RequestParameters`. Vendors disagree on what a raw `+` means, so it is `%2B`. */
export function encoded(parameters: RequestParameters): string {
  const pairs: readonly (readonly [string, ParameterValue])[] = isList(parameters)
    ? parameters
    : Object.entries(parameters);
  return pairs
    .flatMap(([name, value]) => [value ?? []].flat().map((one) => `${strict(name)}=${strict(String(one))}`))
    .join('&');
}

function isList(parameters: RequestParameters): parameters is readonly (readonly [string, ParameterValue])[] {
  return Array.isArray(parameters);
}

/** RFC 3986 §2.3: everything but unreserved characters is encoded. */
function strict(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The same headers with lower-case names. */
export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
