import type { Shape } from './rows.ts';
import type { Span } from './span.ts';

/** A value of a query or a form. A list repeats its parameter; undefined leaves it out. */
export type ParameterValue =
  | string
  | number
  | bigint
  | boolean
  | undefined
  | readonly (string | number | bigint | boolean)[];

/**
 * The parameters of a query or a form, sent in this order. They are encoded once, as RFC 3986 says: only letters, digits
 * and `-._~` stay, and a blank is `%20`. Names that are integers keep their order only in a list of pairs.
 */
export type RequestParameters =
  | Readonly<Record<string, ParameterValue>>
  | readonly (readonly [name: string, value: ParameterValue])[];

/** A body with its `Content-Type`, which `headers` may replace. BigInt is written to JSON as its digits. */
export type RequestBody = { readonly json: unknown } | { readonly form: RequestParameters };

/** Another origin that a URL of an answer may lead to, and whether requests to it carry the credential. */
export interface AllowedOrigin {
  readonly origin: string;
  readonly credential: boolean;
}

/** A path below `base_url`. */
interface PathTarget {
  /** Begins with `/`; joined to `base_url`, whose own path is kept, as is a query in it. Never leaves its origin. */
  readonly path: string;
  /** Follows a query in `path`. */
  readonly query?: RequestParameters;
  readonly url?: undefined;
}

/** A URL that an answer gave: `HttpResponse.link`, `HttpResponse.resolve`. */
interface UrlTarget {
  /** Absolute; requested as it is, without its fragment. It MUST be of the origin of `base_url` or of one of `origins`. */
  readonly url: string;
  /** Requests to one without `credential` carry no authentication, no client certificate and no header with a secret. */
  readonly origins?: readonly AllowedOrigin[];
  readonly path?: undefined;
  readonly query?: undefined;
}

/** What every request has besides its target. */
interface RequestSettings {
  readonly headers?: Readonly<Record<string, string>>;
  /** The quota that it is spent from: a `Quota.route` of the source. Routes without a quota are unlimited. */
  readonly route: string;
  /** False: a time-out is not retried, because the caller asks for less instead. Default true. */
  readonly retryTimeouts?: boolean;
  /** Names of number fields that `json()` returns as the sender's decimal text: see `parseJson`. */
  readonly decimalText?: readonly string[] | undefined;
  /** The lists that `json()` returns as `Rows`, because they may be long. */
  readonly rows?: Shape;
  /** The span of the stream's time that it asks for: becomes a gap if the response exceeds `max_response_bytes`. */
  readonly asked?: Span;
  /** What the stream knows of the vendor's clock. A response with another `Date` is requested again. */
  readonly clock?: KnownClock;
}

/** One GET to a vendor. */
export type GetRequest = RequestSettings & (PathTarget | UrlTarget);

/** One request to a vendor. It may be sent several times (retries, redirects), so it MUST change nothing there. */
export type HttpRequest = GetRequest & {
  /** In capitals. Default GET. */
  readonly method?: string;
  readonly body?: RequestBody;
};

/** What a stream knows of the vendor's clock. Milliseconds. */
export interface KnownClock {
  /** How far it was ahead of ours at the last response; undefined before the first one, which is trusted. */
  readonly ahead: number | undefined;
  /** By how much a response may differ from that. */
  readonly tolerance: number;
}

/** The vendor's clock by the `Date` and `Age` of one response. Milliseconds. */
export interface ClockReading {
  /** How far the vendor's clock is ahead of ours, at least. */
  readonly ahead: number;
  /** The time from sending to the headers of the response: how much more it may be ahead. */
  readonly waited: number;
}

/** A complete 2xx response that is not HTML. */
export interface HttpResponse {
  /** The URL that answered, behind redirects: with its query, without a credential. */
  readonly url: string;
  readonly status: number;
  /** Lower-case names; repeated headers joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The `Date` header, epoch ms; our clock where there is none. */
  readonly date: number;
  /** Our clock when its headers came, epoch ms. */
  readonly at: number;
  /** Absent without a `Date` header. */
  readonly clock?: ClockReading;
  /** The body, in UTF-8. */
  readonly body: Uint8Array;
  /**
   * The body as JSON (`parseJson`), never undefined; null for 204 and 205. It was parsed when it came. What is too large
   * or too deep to be one value is `Unreadable`.
   */
  json(): unknown;
  /** All of the body as one value, or `Unreadable`. */
  whole(): Promise<unknown>;
  /**
   * The first link of this relation (`next`, in any case) in the `Link` header (RFC 8288), as an absolute URL; undefined
   * when there is none.
   * @throws UnexpectedAnswerError when the header cannot be read.
   */
  link(relation: string): string | undefined;
  /**
   * A URL of the body, which may be relative to this response, as an absolute URL.
   * @throws UnexpectedAnswerError when it is no URL.
   */
  resolve(reference: string): string;
}

/**
 * The HTTP client that a source gets. Every request spends its quota durably before it is sent.
 * @throws UnauthorisedError 401, 403 · RefusedError other 4xx, foreign redirects · ThrottledError 429 ·
 *   TimedOutError · UnavailableError 5xx, network, HTML · UnreadableAnswerError invalid or incomplete JSON · TooLargeError · OutOfBudgetError — after all retries, where they help.
 *   UnavailableError too if `clock` is given and no two responses agree on it. UnexpectedAnswerError, and nothing is
 *   sent, when the URL of an answer leads to another origin.
 */
export interface Http {
  /** Redirects are followed on the same origin only; with a method other than GET only 307 and 308. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** The short form for a GET. */
  get(request: GetRequest): Promise<HttpResponse>;
  /** How many requests of this route could be sent now without waiting; Infinity without a quota. */
  available(route: string): Promise<number>;
  /** What a stream knew of the vendor's clock (ms ahead of ours): it holds until answers of this process say more. */
  recall(ahead: number): void;
}

/** Whether a response was throttled, for vendors that do not answer 429: see `Source.throttled`. */
export type ThrottleTest = (
  response: Pick<HttpResponse, 'status' | 'headers'>,
) => { readonly until: number | undefined } | undefined;

/** At most `requests` in any sliding window of `per` milliseconds. */
export interface RateLimit {
  readonly requests: number;
  readonly per: number;
}

/**
 * Where spent requests are kept, so that limits hold across restarts, sources and replicas. Each call is one transaction,
 * durable when it resolves. `quota` names what is spent: origin, credential (its hash) and route. Times are epoch
 * milliseconds.
 */
export interface Quotas {
  /**
   * Spends one request. Resolves to 0 when it may be sent, otherwise to the time to ask again, which is the end of the
   * pause while the quota is paused. Requests dated after `now` (our clock went back) count for one window at most.
   */
  spend(quota: string, limit: RateLimit, now: number): Promise<number>;
  /** How many requests `spend` would grant at `now`; 0 while the quota is paused. */
  available(quota: string, limit: RateLimit, now: number): Promise<number>;
  /**
   * Grants nothing before `until`; a quota without a limit can be paused too. Never shortens a pause, whoever made it, but
   * a time that is over, such as 0, ends it.
   */
  pause(quota: string, until: number): Promise<void>;
  /** The end of the pause; 0 while the quota is not paused. */
  pausedUntil(quota: string): Promise<number>;
}
