import { maskForeign } from '../core/secret.ts';
import { RefusedError } from '../core/errors.ts';
import type { RawAnswer } from './exchange.ts';

export const MAX_REDIRECTS = 3;

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Where an answer redirects us on its own origin; undefined when it does not redirect.
 * @throws RefusedError to another origin, which must never see the credential, and is not asked at all.
 */
export function redirectOf({ status, headers, url }: RawAnswer, from: URL): URL | undefined {
  if (!REDIRECTS.has(status)) return undefined;
  const target = headers['location'] === undefined ? null : URL.parse(headers['location'], from.href);
  if (target === null) {
    throw new RefusedError(`${url} redirects to nowhere. Check base_url.`, url, status, '');
  }
  if (target.origin === from.origin) return target;
  const message = `${url} redirects to another origin, ${maskForeign(target.origin)}, which is not followed, so that it is not given the credential. Set base_url to it if it is the vendor's.`;
  throw new RefusedError(message, url, status, '');
}
