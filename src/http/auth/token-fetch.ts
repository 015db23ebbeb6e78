import type { AuthenticationClient, TokenAnswer } from '../../core/authentication.ts';
import { UnauthorisedError, UnexpectedAnswerError } from '../../core/errors.ts';
import { maskForeign } from '../../core/secret.ts';
import { printable } from '../../core/text.ts';

/** What `oauth4webapi` passes to `fetch`. */
interface FetchOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: URLSearchParams;
}

/** Parameters of a token request that prove who asks. */
const HIDDEN = ['client_secret', 'client_assertion', 'assertion'];

/**
 * The `fetch` of `oauth4webapi`, by our client, so that its proxy, TLS, time-out and retries hold. The answer is made
 * what RFC 6749 §5.1 wants: vendors answer 201, leave out `token_type` or have one of their own.
 */
export function tokenFetch(
  client: AuthenticationClient,
  { url, retry }: { readonly url: URL; readonly retry: boolean },
): (href: string, options: FetchOptions) => Promise<Response> {
  return async (_href, { method, headers, body }) => {
    const { 'user-agent': _, ...own } = headers;
    const answer = await client.ask({
      method,
      url,
      headers: own,
      body: body.toString(),
      address: 'token_url',
      hidden: [headers['authorization'], ...HIDDEN.map((name) => body.get(name))].filter(
        (text) => typeof text === 'string',
      ),
      retry,
    });
    return Response.json(tokenOf(answer));
  };
}

/** Only what is needed of an answer. Some refuse with 200 and an `error`. */
function tokenOf({ url, status, body }: TokenAnswer): object {
  const { access_token, expires_in, error } = (body ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof access_token === 'string' && access_token !== '') {
    const life = Number.parseFloat(String(expires_in));
    return { access_token, token_type: 'bearer', ...(life >= 0 && { expires_in: life }) };
  }
  if (typeof error === 'string') {
    const words = printable(maskForeign(error)).slice(0, 100);
    const message = `${url} answered ${status} with the error ${words} instead of a token. Check the client and its secret or key.`;
    throw new UnauthorisedError(message, url, 401);
  }
  const message = `${url} answered ${status} without an access_token. Check token_url, and whether the vendor changed its API.`;
  throw new UnexpectedAnswerError(message, url, status);
}
