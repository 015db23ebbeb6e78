import type { TlsConfig, Environment } from '../config/types.ts';
import type { Clock, Random } from '../core/clock.ts';
import { RefusedError, TimedOutError } from '../core/errors.ts';
import type { HttpResponse, HttpRequest, Http, RateLimit } from '../core/http.ts';
import type { Logger } from '../core/log.ts';
import { percentEncoded } from '../core/text.ts';
import type { Secret } from '../core/secret.ts';
import type { CommonOptions, Quota } from '../core/source.ts';
import { pauseAsAsked, quotaName, type QuotaSpender, type RouteQuota } from './quota.ts';
import { failureOf, MAX_REDIRECTS, readResponse, redirectOf } from './response.ts';
import { Connections } from './connections.ts';
import { ACCEPT_ENCODING } from './content-coding.ts';
import { exchange, type RawResponse, GivenUpError } from './exchange.ts';
import { withRetries } from './retry.ts';
import { VendorClock } from './vendor-clock.ts';
import { bareUrl, sourceWay, type Way, sourceExposure, warnOfExposure } from './way.ts';

/** What the HTTP client of one source needs. */
export interface HttpSettings {
  readonly options: CommonOptions & {
    readonly tls?: TlsConfig | undefined;
    readonly proxy?: Secret | undefined;
  };
  /** The headers that carry the credential; called for every request, because secret files are read again. */
  readonly authorise: () => Readonly<Record<string, string>>;
  /** The vendor's documented limits; `options.quota` replaces the first, or limits every route when there are none. */
  readonly quotas: readonly Quota[];
  /** One for the whole process. */
  readonly spender: QuotaSpender;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Ends requests and waits: the stop of the daemon, the deadline of `once`. */
  readonly signal: AbortSignal;
  /** Always sent, because one vendor answers 403 to requests without it. */
  readonly userAgent: string;
  /** For HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly env: Environment;
  /** Called after the end of every request that was sent. */
  readonly onRequest?: (report: RequestReport) => void;
  /** Called with the duration of every request, from sending it to the end of its response. Milliseconds. */
  readonly onDuration?: (ms: number) => void;
  /** Called with the time until which a request of this route waits for its quota (epoch ms); undefined: it may be sent. */
  readonly onWait?: (until: number | undefined, route: string) => void;
}

/** The outcome of one request that was sent. */
export interface RequestReport {
  readonly route: string;
  /** `timed-out` and `failed`: there was no complete response. */
  readonly status: number | 'timed-out' | 'failed';
  /** Whether the request had been tried before. */
  readonly retry: boolean;
  /** Present when the vendor throttled the request: nothing is sent on this route before then. Epoch milliseconds. */
  readonly throttledUntil?: number;
  /** How many invalid characters of the response became U+FFFD. */
  readonly replaced?: number;
}

/** The client as the pipeline holds it; a source only gets its `Http`. Dispose it to close its connections. */
export interface SourceHttp extends Http, AsyncDisposable {
  /** How many requests of this route its quota allows in one window; Infinity without a limit. */
  capacity(route: string): number;
  /** The vendor's clock: ours, corrected by the `Date` of its last response. Epoch milliseconds. */
  vendorNow(): number;
  /** Requests sent by this client so far, including retries and redirects. */
  readonly requests: number;
}

/**
 * Makes the HTTP client of one source. Keep it as long as the source, so that connections and what is known of the
 * vendor's clock last. Warns in the log when TLS or the credential is not protected.
 */
export function createHttp(settings: HttpSettings): SourceHttp {
  const { options, log } = settings;
  if (options.tls?.insecure_skip_verify === true) {
    log.warn(
      { url: { full: options.base_url } },
      'TLS certificates are not verified for this source (tls.insecure_skip_verify): anyone on the way can read its credential and change its responses. Use tls.ca_file and tls.server_name.',
    );
  }
  warnOfExposure(sourceExposure(options, settings.env), options.base_url, log);
  return new Client(settings);
}

/** The route of the operator's `quota` when the vendor documents no limit. */
const EVERY_ROUTE = '*';

class Client implements SourceHttp {
  readonly #settings: HttpSettings;
  readonly #way: Way;
  readonly #connections: Connections;
  readonly #limits: ReadonlyMap<string, RateLimit>;
  readonly #clock = new VendorClock();
  #requests = 0;
  #warnedOfDeprecation = false;
  #warnedOfReplacements = false;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#limits = limitsByRoute(settings);
    this.#way = sourceWay(settings.options, settings.env);
    this.#connections = new Connections({ way: this.#way, timeout: settings.options.timeout + 1_000 });
  }

  get requests(): number {
    return this.#requests;
  }

  vendorNow(): number {
    return this.#settings.clock.now() + this.#clock.ahead;
  }

  async available(route: string): Promise<number> {
    return this.#settings.spender.available(this.#quota(route));
  }

  capacity(route: string): number {
    return this.#quota(route).limit?.requests ?? Infinity;
  }

  async get(request: HttpRequest): Promise<HttpResponse> {
    const { options } = this.#settings;
    const url = joinUrl(options.base_url, request);
    const ask = (again: boolean) =>
      withRetries((attempt) => this.#follow(url, request, again ? attempt + 1 : attempt), {
        ...this.#settings,
        retries: options.retries,
        retryTimeouts: request.retryTimeouts ?? true,
      });
    if (request.clock === undefined) return ask(false);
    return this.#clock.confirmed(ask, { ...this.#settings, ...request.clock, url: bareUrl(url) });
  }

  recall(ahead: number): void {
    this.#clock.recall(ahead);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }

  async #follow(start: URL, request: HttpRequest, attempt: number): Promise<HttpResponse> {
    let url = start;
    for (let hops = 0; ; hops += 1) {
      const raw = await this.#send(url, request, attempt);
      const target = redirectOf(raw, url);
      if (target === undefined) return await this.#read(raw, request);
      if (hops === MAX_REDIRECTS) {
        const message = `${raw.url} redirected more than ${MAX_REDIRECTS} times. Check base_url.`;
        throw new RefusedError(message, raw.url, raw.status, '');
      }
      url = target;
    }
  }

  /** Sends one request: spends its quota, exchanges, and pauses the quota when the response asks for it. */
  async #send(url: URL, { route, headers, asked }: HttpRequest, attempt: number): Promise<RawResponse> {
    const { spender, options, clock, signal, log, onRequest, onDuration, onWait } = this.#settings;
    const quota = this.#quota(route);
    await spender.acquire(quota, { signal, log, onWait: (until) => onWait?.(until, quota.route) });
    this.#requests += 1;
    const began = clock.now();
    const report = { route, retry: attempt > 1 };
    let raw: RawResponse;
    try {
      raw = await exchange(this.#connections, url, this.#headers(headers), {
        clock,
        timeout: options.timeout,
        maxBytes: options.max_response_bytes,
        signal,
        asked,
        way: this.#way,
      });
    } catch (error) {
      if (error instanceof GivenUpError) this.#giveUp(error);
      onRequest?.({ ...report, status: error instanceof TimedOutError ? 'timed-out' : 'failed' });
      throw error;
    } finally {
      onDuration?.(clock.now() - began);
    }
    this.#observe(raw);
    const throttled = await pauseAsAsked(raw, {
      spender,
      quota,
      clock,
      log,
      vendorNow: this.vendorNow(),
      attempt,
    });
    onRequest?.({
      ...report,
      status: raw.status,
      ...(throttled && { throttledUntil: throttled.until }),
      ...(raw.replaced > 0 && { replaced: raw.replaced }),
    });
    if (throttled !== undefined) throw throttled;
    return raw;
  }

  #headers(own: HttpRequest['headers']): Readonly<Record<string, string>> {
    const { userAgent, authorise } = this.#settings;
    const merged = {
      'user-agent': userAgent,
      accept: 'application/json',
      'accept-encoding': ACCEPT_ENCODING,
      ...lowerCase(own ?? {}),
    };
    return { ...merged, ...lowerCase(authorise()) };
  }

  #quota(route: string): RouteQuota {
    const { options, authorise } = this.#settings;
    const shared = this.#limits.has(EVERY_ROUTE) ? EVERY_ROUTE : route;
    const name = quotaName(new URL(options.base_url).origin, authorise(), shared);
    return { name, route: shared, limit: this.#limits.get(shared) };
  }

  #observe(raw: RawResponse): void {
    this.#clock.note(raw);
    if (raw.replaced > 0) this.#warnOfReplacements(raw);
    if (raw.headers['deprecated'] === undefined || this.#warnedOfDeprecation) return;
    this.#warnedOfDeprecation = true;
    this.#settings.log.warn(
      { url: { full: raw.url } },
      'The vendor has deprecated this version of its API. Set a newer one before it is removed.',
    );
  }

  #warnOfReplacements({ url, charset, replaced }: RawResponse): void {
    if (this.#warnedOfReplacements) return;
    this.#warnedOfReplacements = true;
    this.#settings.log.warn(
      { url: { full: url }, penstock: { charset, replaced_characters: replaced } },
      'A response is not valid in its charset: invalid characters became U+FFFD (the replacement character). Ask the vendor to declare the charset that it sends. Later ones are only counted (penstock_replaced_characters_total).',
    );
  }

  #giveUp(error: GivenUpError): void {
    this.#connections.abandon();
    const fields = { url: { full: error.url }, error: { type: error.name, message: error.message } };
    this.#settings.log.warn(fields, 'Request could not be cancelled; its connection was closed.');
  }

  async #read(raw: RawResponse, request: HttpRequest): Promise<HttpResponse> {
    const failure = failureOf(raw, this.vendorNow());
    if (failure !== undefined) throw failure;
    return readResponse(raw, request, this.vendorNow());
  }
}

function limitsByRoute({ options, quotas }: HttpSettings): ReadonlyMap<string, RateLimit> {
  const byRoute = new Map(quotas.map((quota) => [quota.route, { requests: quota.requests, per: quota.per }]));
  if (options.quota !== undefined) byRoute.set(quotas[0]?.route ?? EVERY_ROUTE, options.quota);
  return byRoute;
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/**
 * The URL of a request: `path` after the path of `base`, always on the same origin. A query in `path` is kept as written
 * and followed by `query`; a fragment is dropped. The query is encoded once, `+` as `%2B` and a blank as `%20`, because
 * vendors disagree on what a raw `+` means.
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
