import { RefusedError, TimedOutError } from '../core/errors.ts';
import type { Quota } from '../core/source.ts';
import { answerOf } from './answer.ts';
import { budgetName, type Budget } from './budget.ts';
import { Connections } from './connections.ts';
import { ACCEPT_ENCODING } from './content-coding.ts';
import { exchange, type RawAnswer } from './exchange.ts';
import { sourceExposure, warnOfExposure } from './exposure.ts';
import { GivenUpError } from './given-up.ts';
import type { HttpAnswer, HttpRequest } from '../core/http.ts';
import { pace } from './pace.ts';
import { MAX_REDIRECTS, redirectOf } from './redirect.ts';
import { withRetries } from './retry.ts';
import type { HttpSettings, SourceHttp } from './settings.ts';
import { bareUrl, joinUrl } from './url.ts';
import { VendorClock } from './vendor-clock.ts';
import { failureOf } from './verdict.ts';
import { sourceWay, type Way } from './way.ts';

export type { SourceHttp } from './settings.ts';

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
