import type { TlsConfig } from '../config/types.ts';
import type { Clock, Random } from '../core/clock.ts';
import { RefusedError, TimedOutError } from '../core/errors.ts';
import type { HttpAnswer, HttpRequest, Http } from '../core/http.ts';
import type { Logger } from '../core/log.ts';
import { percentEncoded } from '../core/text.ts';
import type { Secret } from '../core/secret.ts';
import type { Quota, CommonOptions } from '../core/source.ts';
import { budgetName, type Budget, type Budgets, pace } from './quota.ts';
import { answerOf, MAX_REDIRECTS, redirectOf, failureOf } from './response.ts';
import { Connections } from './connections.ts';
import { ACCEPT_ENCODING } from './content-coding.ts';
import { exchange, type RawAnswer, GivenUpError } from './exchange.ts';
import { withRetries } from './retry.ts';
import { VendorClock } from './vendor-clock.ts';
import { bareUrl, sourceWay, type Way, sourceExposure, warnOfExposure } from './way.ts';

/** The HTTP client of one source; it lasts as long as the source, so that connections and the vendor's clock do. */
export function createHttp(settings: HttpSettings): SourceHttp {
  const { options, log } = settings;
  if (options.tls?.insecure_skip_verify === true) {
    log.warn(
      { url: { full: options.base_url } },
      'TLS certificates are not verified for this source (tls.insecure_skip_verify): anyone on the way can read its credential and change its answers. Use tls.ca_file and tls.server_name.',
    );
  }
  warnOfExposure(sourceExposure(options, settings.env), options.base_url, log);
  return new Client(settings);
}

/** The route of the operator's `quota` where the vendor documents none. */
const EVERY_ROUTE = '*';

class Client implements SourceHttp {
  readonly #settings: HttpSettings;
  readonly #way: Way;
  readonly #connections: Connections;
  readonly #quotas: ReadonlyMap<string, Pick<Quota, 'requests' | 'per'>>;
  readonly #clock = new VendorClock();
  #requests = 0;
  #deprecationTold = false;
  #replacementTold = false;

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#quotas = quotasByRoute(settings);
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
    return this.#settings.budgets.available(this.#budget(route));
  }

  capacity(route: string): number {
    return this.#budget(route).quota?.requests ?? Infinity;
  }

  async get(request: HttpRequest): Promise<HttpAnswer> {
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

  async #follow(start: URL, request: HttpRequest, attempt: number): Promise<HttpAnswer> {
    let url = start;
    for (let hops = 0; ; hops += 1) {
      const raw = await this.#send(url, request, attempt);
      const target = redirectOf(raw, url);
      if (target === undefined) return await this.#judge(raw, request);
      if (hops === MAX_REDIRECTS) {
        const message = `${raw.url} redirects once more after ${MAX_REDIRECTS} redirects. Check base_url.`;
        throw new RefusedError(message, raw.url, raw.status, '');
      }
      url = target;
    }
  }

  /** One request: its budget, the exchange, and what its headers say about further ones. */
  async #send(url: URL, { route, headers, asked }: HttpRequest, attempt: number): Promise<RawAnswer> {
    const { budgets, options, clock, signal, log, onRequest, onDuration, onWait } = this.#settings;
    const budget = this.#budget(route);
    await budgets.acquire(budget, { signal, log, onWait: (until) => onWait?.(until, budget.route) });
    this.#requests += 1;
    const began = clock.now();
    const told = { route, retry: attempt > 1 };
    let raw: RawAnswer;
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
      onRequest?.({ ...told, status: error instanceof TimedOutError ? 'timed-out' : 'failed' });
      throw error;
    } finally {
      onDuration?.(clock.now() - began);
    }
    this.#observe(raw);
    const throttled = await pace(raw, { budgets, budget, clock, log, vendorNow: this.vendorNow(), attempt });
    onRequest?.({
      ...told,
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

  #budget(route: string): Budget {
    const { options, authorise } = this.#settings;
    const shared = this.#quotas.has(EVERY_ROUTE) ? EVERY_ROUTE : route;
    const name = budgetName(new URL(options.base_url).origin, authorise(), shared);
    return { name, route: shared, quota: this.#quotas.get(shared) };
  }

  #observe(raw: RawAnswer): void {
    this.#clock.hear(raw);
    if (raw.replaced > 0) this.#tellReplacement(raw);
    if (raw.headers['deprecated'] === undefined || this.#deprecationTold) return;
    this.#deprecationTold = true;
    this.#settings.log.warn(
      { url: { full: raw.url } },
      'The vendor marks this version of its API as deprecated. Set a newer one before it is removed.',
    );
  }

  #tellReplacement({ url, charset, replaced }: RawAnswer): void {
    if (this.#replacementTold) return;
    this.#replacementTold = true;
    this.#settings.log.warn(
      { url: { full: url } },
      `An answer holds bytes that are no ${charset.toUpperCase()}, its charset: ${replaced} of its characters are U+FFFD (the replacement character) instead. Have the vendor declare the charset that it sends. Further ones are only counted (penstock_replaced_characters_total).`,
    );
  }

  #giveUp(error: GivenUpError): void {
    this.#connections.abandon();
    const fields = { url: { full: error.url }, error: { type: error.name, message: error.message } };
    this.#settings.log.warn(fields, 'Request did not end by itself and was given up.');
  }

  async #judge(raw: RawAnswer, request: HttpRequest): Promise<HttpAnswer> {
    const failure = failureOf(raw, this.vendorNow());
    if (failure !== undefined) throw failure;
    return answerOf(raw, request, this.vendorNow());
  }
}

function quotasByRoute({
  options,
  quotas,
}: HttpSettings): ReadonlyMap<string, Pick<Quota, 'requests' | 'per'>> {
  const byRoute = new Map(quotas.map((quota) => [quota.route, { requests: quota.requests, per: quota.per }]));
  if (options.quota !== undefined) byRoute.set(quotas[0]?.route ?? EVERY_ROUTE, options.quota);
  return byRoute;
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** What the HTTP client of one source is made of. */
export interface HttpSettings {
  readonly options: CommonOptions & {
    readonly tls?: TlsConfig | undefined;
    readonly proxy?: Secret | undefined;
  };
  /** The headers that carry the credential; asked anew for every request. */
  readonly authorise: () => Readonly<Record<string, string>>;
  /** The vendor's documented limits; `options.quota` replaces the first, or limits everything where there are none. */
  readonly quotas: readonly Quota[];
  /** One for the whole process: see `Budgets`. */
  readonly budgets: Budgets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Ends requests and waits: the stop of the daemon, the deadline of `once`. */
  readonly signal: AbortSignal;
  /** Always sent: one vendor answers 403 to requests without. */
  readonly userAgent: string;
  /** For HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told of every request that was sent, after its end. */
  readonly onRequest?: (told: RequestTold) => void;
  /** Told how long every request took, from sending it to the end of its answer. Milliseconds. */
  readonly onDuration?: (ms: number) => void;
  /** Told until when a request of this route waits for its budget (epoch ms); undefined: it is granted. */
  readonly onWait?: (until: number | undefined, route: string) => void;
}

export interface RequestTold {
  readonly route: string;
  /** `timed-out` and `failed`: there was no whole answer. */
  readonly status: number | 'timed-out' | 'failed';
  /** Whether it was a further try of a request. */
  readonly retry: boolean;
  /** The vendor throttled us: no request of this route is sent before then. Epoch milliseconds. */
  readonly throttledUntil?: number;
  /** Characters of its answer that stand for bytes that are none in its charset. */
  readonly replaced?: number;
}

/** The client as the pipeline holds it; a source is lent its `Http`. Dispose it to close its connections. */
export interface SourceHttp extends Http, AsyncDisposable {
  /** How many requests of this route its budget grants in one window; Infinity without a quota. */
  capacity(route: string): number;
  /** The vendor's clock: ours, corrected by the `Date` of its last answer. Epoch milliseconds. */
  vendorNow(): number;
  /** Requests sent since it was made, retries and redirects too. */
  readonly requests: number;
}

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
