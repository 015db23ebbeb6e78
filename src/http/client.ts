import type { Authentication } from '../core/authentication.ts';
import { RefusedError } from '../core/errors.ts';
import type { GetRequest, HttpResponse, HttpRequest, Http, RateLimit } from '../core/http.ts';
import { authenticationOf } from './auth/plain.ts';
import type { RawResponse } from './exchange.ts';
import { outgoing, type Outgoing } from './outgoing.ts';
import { quotaName, type RouteQuota } from './quota.ts';
import { failureOf, MAX_REDIRECTS, readResponse, redirectOf } from './response.ts';
import { withRetries } from './retry.ts';
import { Sender } from './sender.ts';
import type { HttpSettings } from './settings.ts';
import { VendorClock } from './vendor-clock.ts';
import { bareUrl, sourceExposure, warnOfExposure } from './way.ts';

/** The client as the pipeline holds it; a source only gets its `Http`. Dispose it to close its connections. */
export interface SourceHttp extends Http, AsyncDisposable {
  /** How many requests of this route its quota allows in one window; Infinity without a limit. */
  capacity(route: string): number;
  /** The name of a quota: that of another client with the same origin and credential is the same. */
  quotaName(route: string): string;
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
  readonly #authentication: Authentication;
  readonly #sender: Sender;
  readonly #limits: ReadonlyMap<string, readonly RateLimit[]>;
  readonly #clock = new VendorClock();

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#limits = limitsByRoute(settings);
    this.#authentication = authenticationOf(settings.authorise);
    this.#sender = new Sender({
      settings,
      vendorClock: this.#clock,
      authentication: this.#authentication,
    });
  }

  get requests(): number {
    return this.#sender.requests;
  }

  vendorNow(): number {
    return this.#settings.clock.now() + this.#clock.ahead;
  }

  async available(route: string): Promise<number> {
    return this.#settings.spender.available(this.#quota(route));
  }

  capacity(route: string): number {
    const { limit, also = [] } = this.#quota(route);
    return Math.min(...[limit, ...also.map((one) => one.limit)].map((one) => one?.requests ?? Infinity));
  }

  quotaName(route: string): string {
    const { origin } = new URL(this.#settings.options.base_url);
    return quotaName(origin, this.#authentication.identity(), route);
  }

  get(request: GetRequest): Promise<HttpResponse> {
    return this.request(request);
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    const { options } = this.#settings;
    const start = outgoing(options.base_url, request);
    await this.#sender.prepare(start, true);
    const ask = (again: boolean) =>
      withRetries((attempt) => this.#follow(start, request, again ? attempt + 1 : attempt), {
        ...this.#settings,
        retries: options.retries,
        retryTimeouts: request.retryTimeouts ?? true,
      });
    if (request.clock === undefined) return ask(false);
    return this.#clock.confirmed(ask, { ...this.#settings, ...request.clock, url: bareUrl(start.url) });
  }

  recall(ahead: number): void {
    this.#clock.recall(ahead);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sender[Symbol.asyncDispose]();
  }

  async #follow(start: Outgoing, request: HttpRequest, attempt: number): Promise<HttpResponse> {
    const quota = this.#quota(request.route);
    let sent = start;
    for (let hops = 0; ; hops += 1) {
      const raw = await this.#sender.send(sent, { ...request, quota, attempt });
      const next = redirectOf(raw, sent);
      if (next === undefined) return await this.#read(raw, request, this.#sender.bare(sent.url));
      if (hops === MAX_REDIRECTS) {
        const message = `${raw.url} redirected more than ${MAX_REDIRECTS} times. Check base_url.`;
        throw new RefusedError(message, raw.url, raw.status, '');
      }
      sent = next;
    }
  }

  #quota(route: string): RouteQuota {
    const shared = this.#limits.has(EVERY_ROUTE) ? EVERY_ROUTE : route;
    const [limit, ...more] = this.#limits.get(shared) ?? [];
    const name = this.quotaName(shared);
    const also = more.map((one) => ({ name: `${name}|${one.per}`, route: shared, limit: one }));
    return { name, route: shared, limit, ...(also.length > 0 && { also }) };
  }

  async #read(raw: RawResponse, request: HttpRequest, url: URL): Promise<HttpResponse> {
    const failure = failureOf(raw, this.vendorNow());
    if (failure !== undefined) throw failure;
    return readResponse(raw, request, url, this.vendorNow());
  }
}

/** A route may have several limits, such as one a minute and one an hour. */
function limitsByRoute({ options, quotas }: HttpSettings): ReadonlyMap<string, readonly RateLimit[]> {
  const byRoute = new Map<string, readonly RateLimit[]>();
  for (const { route, requests, per } of quotas)
    byRoute.set(route, [...(byRoute.get(route) ?? []), { requests, per }]);
  if (options.quota !== undefined) byRoute.set(quotas[0]?.route ?? EVERY_ROUTE, [options.quota]);
  return byRoute;
}
