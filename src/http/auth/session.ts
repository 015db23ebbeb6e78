import type { Authentication, TokenAnswer } from '../../core/authentication.ts';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { RequestBody, RequestParameters } from '../../core/http.ts';
import { bodyOf, lowerCase, withParameters } from '../outgoing.ts';
import { TokenCache } from './token.ts';

/** A log-in, as it is sent. */
export interface LogInRequest {
  /** Default POST. */
  readonly method?: string;
  /** Absolute, or relative to `base_url`. */
  readonly url: string;
  readonly query?: RequestParameters;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
}

interface SessionSettings {
  /** Called for each log-in, because files of secrets are read again. */
  readonly request: () => LogInRequest;
  /** The session in the answer; undefined or '' when there is none. */
  readonly token: (answer: TokenAnswer) => string | undefined;
  /** How long a session lasts, milliseconds. Absent: until the vendor rejects it. */
  readonly expires?: number | undefined;
  /** The headers of the source's requests. */
  readonly headers: (session: string) => Readonly<Record<string, string>>;
  readonly identity: Authentication['identity'];
}

/** A log-in that gives a session, with which all other requests are sent. */
export function session({ request, token, expires, headers, identity }: SessionSettings): Authentication {
  const sessions = new TokenCache(async (client, retry) => {
    const logIn = request();
    const { type, body } = bodyOf(logIn.body);
    const answer = await client.ask({
      method: logIn.method ?? 'POST',
      url: withParameters(client.endpoint(logIn.url), logIn.query ?? {}),
      headers: { ...type, ...lowerCase(logIn.headers ?? {}) },
      body,
      address: 'the log-in request',
      hidden: [],
      retry,
    });
    const value = token(answer) ?? '';
    if (value !== '') return { value, life: expires };
    throw new UnexpectedAnswerError(
      `${answer.url} answered ${answer.status} to the log-in, but without a session. Check the credential, and where the answer has its token.`,
      answer.url,
      answer.status,
    );
  });
  return {
    identity,
    prepare: (client, retry) => sessions.prepare(client, retry),
    authenticate: (_request, client) => sessions.credential(client, headers),
  };
}
