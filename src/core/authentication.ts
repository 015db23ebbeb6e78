import type { Logger } from './log.ts';

/** One attempt of a request that is about to be sent. */
export interface OutgoingRequest {
  readonly method: string;
  /** Without a credential. */
  readonly url: URL;
  /** '' when there is none. */
  readonly body: string;
}

/** What an authentication adds to one attempt of a request. */
export interface Credential {
  /** They win over headers of the request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** They replace parameters of the same name. */
  readonly query?: Readonly<Record<string, string>>;
  /**
   * The vendor answered 401 to this credential. Returns whether the request should be sent once more, with another one.
   * Absent: there is no other one.
   */
  rejected?(): boolean;
}

/** How a source proves to the vendor who it is. It lives as long as the client that uses it, and keeps tokens in memory. */
export interface Authentication {
  /**
   * The configured secrets, by name: requests share a quota when these are equal. Never what is sent, because a renewed
   * token or a signature is the same budget.
   */
  identity(): Readonly<Record<string, string>>;
  /**
   * Fetches what is needed, before the quota of a request is spent. `retry`: whether failures are retried, which they are
   * before the first attempt of a request only. Absent: nothing is needed.
   */
  prepare?(client: AuthenticationClient, retry: boolean): Promise<void>;
  /** Called for each attempt, immediately before it is sent. */
  authenticate(request: OutgoingRequest, client: AuthenticationClient): Promise<Credential>;
}

/** The headers that carry a credential which never changes by itself, or an authentication. */
export type Authorisation = Readonly<Record<string, string>> | Authentication;

/** What an authentication gets of the client. */
export interface AuthenticationClient {
  readonly log: Logger;
  /** Our clock, epoch ms. */
  now(): number;
  /** The clock of the vendor's API, epoch ms: see `SourceContext.now`. */
  vendorNow(): number;
  /** The clock of the host of an endpoint, epoch ms: ours, corrected by the `Date` of its last answer to `ask`. */
  clockOf(url: URL): number;
  /** The absolute URL of an endpoint that may be written relative to `base_url`. */
  endpoint(url: string): URL;
  /**
   * Asks for a token or a session. That is not spent from the vendor's quota, and is never redirected; it has the
   * time-out and the retries of the source.
   * @throws UnauthorisedError when the endpoint refuses the credential (4xx), without retries · RefusedError for a
   *   redirect · UnavailableError 5xx, time-out, network, HTML · UnreadableAnswerError when the answer is not JSON
   */
  ask(request: TokenRequest): Promise<TokenAnswer>;
}

/** A request for a token or a session. */
export interface TokenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** The name of the setting that holds the URL, for messages. */
  readonly address: string;
  /** Texts of this request that no message may show, besides the configured secrets: assertions, encoded credentials. */
  readonly hidden: readonly string[];
  /** Whether failures that may pass are retried. */
  readonly retry: boolean;
}

/** The 2xx answer to it. */
export interface TokenAnswer {
  /** Without query. */
  readonly url: string;
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** Its JSON; null without a body. */
  readonly body: unknown;
}
