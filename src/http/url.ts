import { percentEncoded } from '../core/printable.ts';
import type { HttpRequest } from '../core/http.ts';

/**
 * The URL of a request: `path` after the path of `base`, never on another origin. A query in `path` is kept as it is
 * written, and `query` follows it; a fragment is left out. The query is encoded once, with `+`
 * as `%2B` and a blank as `%20`, since a raw `+` means a blank to one vendor and itself to another.
 */
export function joinUrl(base: string, { path, query = {} }: Pick<HttpRequest, 'path' | 'query'>): URL {
  const { origin, pathname } = new URL(base);
  const url = new URL(`${origin}${pathname.replace(/\/+$/, '')}/${path.replace(/^\//, '')}`);
  const added = Object.entries(query)
    .filter((entry): entry is [string, string | number] => entry[1] !== undefined)
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(String(value))}`);
  url.search = [url.search.slice(1), ...added].filter((part) => part !== '').join('&');
  url.hash = '';
  return url;
}

/** A URL as errors and logs may show it: no query, no credentials, no fragment. */
export function bareUrl({ origin, pathname }: URL): string {
  return origin + pathname;
}
