import { TimedOutError } from '../core/errors.ts';
import type { HttpRequest } from '../core/http.ts';
import { maskForeign } from '../core/secret.ts';
import { ACCEPT_ENCODING } from './content-coding.ts';
import { exchange, GivenUpError, type RawResponse } from './exchange.ts';
import { Origins } from './origins.ts';
import { lowerCase, type Outgoing } from './outgoing.ts';
import { pauseAsAsked, type RouteQuota } from './quota.ts';
import type { HttpSettings } from './settings.ts';
import type { VendorClock } from './vendor-clock.ts';

interface SenderParts {
  readonly settings: HttpSettings;
  readonly vendorClock: VendorClock;
}

interface Attempt extends Pick<HttpRequest, 'route' | 'asked'> {
  readonly quota: RouteQuota;
  /** Number of this try, from 1. */
  readonly attempt: number;
}

/** The setting of a URL that is not `base_url`, for messages. */
const LINK = 'the link of the answer';

/** Sends single requests of one source, and reports them. Dispose it to close its connections. */
export class Sender implements AsyncDisposable {
  readonly #settings: HttpSettings;
  readonly #vendorClock: VendorClock;
  readonly #origins: Origins;
  #requests = 0;
  #warnedOfDeprecation = false;
  #warnedOfReplacements = false;

  constructor({ settings, vendorClock }: SenderParts) {
    this.#settings = settings;
    this.#vendorClock = vendorClock;
    this.#origins = new Origins(settings);
  }

  /** How many requests were sent. */
  get requests(): number {
    return this.#requests;
  }

  /**
   * Sends one request: spends its quota, exchanges, and pauses the quota when the response asks for it.
   * @throws ThrottledError, and whatever `exchange` and `QuotaSpender.acquire` throw
   */
  async send(outgoing: Outgoing, { route, asked, quota, attempt }: Attempt): Promise<RawResponse> {
    const { spender, clock, signal, log, throttled: says, onRequest, onWait } = this.#settings;
    await spender.acquire(quota, { signal, log, onWait: (until) => onWait?.(until, quota.route) });
    this.#requests += 1;
    const report = { route, retry: attempt > 1 };
    let raw: RawResponse;
    try {
      raw = await this.#exchange(outgoing, asked);
    } catch (error) {
      onRequest?.({ ...report, status: error instanceof TimedOutError ? 'timed-out' : 'failed' });
      throw error;
    }
    this.#observe(raw);
    const vendorNow = clock.now() + this.#vendorClock.ahead;
    const throttled = await pauseAsAsked(raw, { spender, quota, clock, log, vendorNow, attempt, says });
    onRequest?.({
      ...report,
      status: raw.status,
      ...(throttled && { throttledUntil: throttled.until }),
      ...(raw.replaced > 0 && { replaced: raw.replaced }),
    });
    if (throttled !== undefined) throw throttled;
    return raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#origins[Symbol.asyncDispose]();
  }

  async #exchange(outgoing: Outgoing, asked: HttpRequest['asked']): Promise<RawResponse> {
    const { options, clock, signal, onDuration } = this.#settings;
    const { way, connections } = this.#origins.to(outgoing.url, outgoing.credential, LINK);
    const began = clock.now();
    try {
      const request = { ...outgoing, headers: this.#headers(outgoing) };
      return await exchange(connections, request, {
        clock,
        timeout: options.timeout,
        maxBytes: options.max_response_bytes,
        signal,
        asked,
        way,
      });
    } catch (error) {
      if (error instanceof GivenUpError) {
        connections.abandon();
        this.#warnOfGivingUp(error);
      }
      throw error;
    } finally {
      onDuration?.(clock.now() - began);
    }
  }

  #headers({ headers, credential }: Outgoing): Readonly<Record<string, string>> {
    const { userAgent, authorise } = this.#settings;
    const merged = {
      'user-agent': userAgent,
      accept: 'application/json',
      'accept-encoding': ACCEPT_ENCODING,
      ...headers,
    };
    return credential ? { ...merged, ...lowerCase(authorise()) } : withoutSecrets(merged);
  }

  #observe(raw: RawResponse): void {
    this.#vendorClock.note(raw);
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

  #warnOfGivingUp({ url, name, message }: GivenUpError): void {
    const fields = { url: { full: url }, error: { type: name, message } };
    this.#settings.log.warn(fields, 'Request could not be cancelled; its connection was closed.');
  }
}

/** Without the headers whose values hold a configured secret, in any encoding. */
function withoutSecrets(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => maskForeign(value) === value));
}
