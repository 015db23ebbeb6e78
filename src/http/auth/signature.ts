import type { Authentication } from '../../core/authentication.ts';
import { PassingSecrets } from '../../core/secret.ts';

/** What a signature is made of: one attempt of a request, as it is sent. */
export interface SignedRequest {
  readonly method: string;
  /** `https` or `http`. */
  readonly scheme: string;
  /** The `Host` header in lower case, with its port where it has one. */
  readonly host: string;
  readonly path: string;
  /** As it is sent, encoded, without `?`. */
  readonly query: string;
  /** The same, its parameters sorted by name; those of one name keep their order. */
  readonly sortedQuery: string;
  /** '' when there is none. */
  readonly body: string;
  /** `now` as an HTTP date (RFC 9110 §5.6.7). */
  readonly date: string;
  /** The vendor's clock, epoch ms, in whole seconds: vendors refuse a signature that is minutes old. */
  readonly now: number;
}

/** A signature whose time differs more from the vendor's clock may have been rejected for it. Milliseconds. */
const TOLERATED = 30_000;

/** Headers of requests shortly before, whose answers may still be on their way. */
const MASKED_HEADERS = 4;

/**
 * Headers that are computed from each attempt, such as an HMAC over it. When the vendor rejects one, and the `Date` of
 * its answer shows that its clock is not what we took it for, the request is signed once more with that clock. `isKeyed`:
 * whether a header is made with a secret, so that it is masked; one that is not may stand anywhere, as a time or a version.
 */
export function signature(
  sign: (request: SignedRequest) => Readonly<Record<string, string>>,
  identity: Authentication['identity'],
  isKeyed: (name: string) => boolean = () => true,
): Authentication {
  const masked = new PassingSecrets(MASKED_HEADERS);
  return {
    identity,
    authenticate: async ({ method, url, body }, client) => {
      const now = Math.floor(client.vendorNow() / 1_000) * 1_000;
      const query = url.search.slice(1);
      const signed = {
        method,
        scheme: url.protocol.slice(0, -1),
        host: url.host.toLowerCase(),
        path: url.pathname,
        query,
        sortedQuery: sorted(query),
        body,
        date: new Date(now).toUTCString(),
        now,
      };
      const headers = sign(signed);
      // A vendor that echoes one would hand on a request that it accepts for minutes.
      const open = new Set<unknown>(Object.values(signed));
      for (const [name, value] of Object.entries(headers))
        if (isKeyed(name) && !open.has(value)) masked.add(value);
      return { headers, rejected: () => Math.abs(client.vendorNow() - now) > TOLERATED };
    },
  };
}

function sorted(query: string): string {
  if (query === '') return '';
  const parameters = query.split('&').map((text) => ({ text, name: text.split('=', 1)[0] ?? '' }));
  return parameters
    .toSorted((one, other) => (one.name === other.name ? 0 : one.name < other.name ? -1 : 1))
    .map(({ text }) => text)
    .join('&');
}
