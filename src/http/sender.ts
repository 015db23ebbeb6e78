import type { Authentication, Credential } from '../core/authentication.ts';
import { TimedOutError } from '../core/errors.ts';
import type { HttpRequest } from '../core/http.ts';
import { maskForeign } from '../core/secret.ts';
import { ACCEPT_ENCODING } from './content-coding.ts';
import type { RawResponse } from './exchange.ts';
import { Origins } from './origins.ts';
import { lowerCase, type Outgoing, withoutParameters, withParameters } from './outgoing.ts';
import { pauseAsAsked, type RouteQuota } from './quota.ts';
import type { HttpSettings } from './settings.ts';
import { TokenClient } from './token-client.ts';
import type { VendorClock } from './vendor-clock.ts';

interface SenderParts {
  readonly settings: HttpSettings;
  readonly vendorClock: VendorClock;
  readonly authentication: Authentication;
}

interface Attempt extends Pick<HttpRequest, 'route' | 'asked'> {
  readonly quota: RouteQuota;
  /** Number of this try, from 1. */
  readonly attempt: number;
}

/** The setting of a URL that is not `base_url`, for messages. */
const LINK = 'the link of the answer';

/** Nothing is proved to an origin that is not trusted with the credential. */
const NO_CREDENTIAL: Credential = {};

/** Sends single requests of one source, and reports them. Dispose it to close its connections. */
export class Sender implements AsyncDisposable {
  readonly #settings: HttpSettings;
  readonly #vendorClock: VendorClock;
  readonly #authentication: Authentication;
  readonly #origins: Origins;
  readonly #tokens: TokenClient;
  /** The names of the parameters that carried a credential. */
  readonly #hidden = new Set<string>();
  #requests = 0;
  #warnedOfDeprecation = false;
  #warnedOfReplacements = false;

  constructor({ settings, vendorClock, authentication }: SenderParts) {
    this.#settings = settings;
    this.#vendorClock = vendorClock;
    this.#authentication = authentication;
    this.#origins = new Origins(settings);
    this.#tokens = new TokenClient({ settings, origins: this.#origins, vendorClock });
  }

  /** How many requests were sent, without those for tokens. */
  get requests(): number {
    return this.#requests;
  }

  /** A URL without the credential in it. */
  bare(url: URL): URL {
    return withoutParameters(url, this.#hidden);
  }

  /** Fetches what the credential of a request needs. `retry`: see `Authentication.prepare`. */
  async prepare({ credential }: Outgoing, retry: boolean): Promise<void> {
    if (credential) await this.#authentication.prepare?.(this.#tokens, retry);
  }

  /**
   * Sends one request, and once more with another credential when the vendor answers 401 and there is one.
   * @throws ThrottledError, and whatever the authentication, `exchange` and `QuotaSpender.acquire` throw
   */
  async send(outgoing: Outgoing, settings: Attempt): Promise<RawResponse> {
    const { raw, credential } = await this.#attempt(outgoing, settings);
    if (raw.status !== 401 || credential.rejected?.() !== true) return raw;
    this.#settings.log.info(
      { url: { full: raw.url } },
      'The credential was rejected; trying once with a new one.',
    );
    const again = await this.#attempt(outgoing, { ...settings, attempt: settings.attempt + 1 });
    return again.raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#origins[Symbol.asyncDispose]();
  }

  /** Sends one request: spends its quota, exchanges, and pauses the quota when the response asks for it. */
  async #attempt(
    outgoing: Outgoing,
    { route, asked, quota, attempt }: Attempt,
  ): Promise<{ readonly raw: RawResponse; readonly credential: Credential }> {
    const { spender, clock, signal, log, throttled: says, onRequest, onWait, requireValid } = this.#settings;
    await this.prepare(outgoing, false);
    await spender.acquire(quota, { signal, log, onWait: (until) => onWait?.(until, quota.route) });
    const credential = await this.#credential(outgoing);
    requireValid?.();
    this.#requests += 1;
    const report = { route, retry: attempt > 1 };
    let raw: RawResponse;
    try {
      raw = await this.#exchange(outgoing, credential, asked);
    } catch (error) {
      onRequest?.({ ...report, status: error instanceof TimedOutError ? 'timed-out' : 'failed' });
      throw error;
    }
    this.#observe(raw);
    const vendorNow = clock.now() + this.#vendorClock.ahead;
    const wait = await pauseAsAsked(raw, { spender, quota, clock, log, vendorNow, attempt, says });
    onRequest?.({
      ...report,
      status: raw.status,
      ...(wait && { throttledUntil: wait.until }),
      ...(raw.replaced > 0 && { replaced: raw.replaced }),
    });
    if (wait !== undefined) throw wait;
    return { raw, credential };
  }

  async #credential({ method, url, body = '', credential }: Outgoing): Promise<Credential> {
    if (!credential) return NO_CREDENTIAL;
    const found = await this.#authentication.authenticate(
      { method, url: this.bare(url), body },
      this.#tokens,
    );
    for (const name of Object.keys(found.query ?? {})) this.#hidden.add(name);
    return found;
  }

  async #exchange(
    outgoing: Outgoing,
    { headers = {}, query = {} }: Credential,
    asked: HttpRequest['asked'],
  ): Promise<RawResponse> {
    const { userAgent, clock, onDuration } = this.#settings;
    const own = { 'user-agent': userAgent, accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING };
    const merged = { ...own, ...outgoing.headers, ...lowerCase(headers) };
    const { method, body, credential } = outgoing;
    const request = {
      method,
      url: withParameters(this.bare(outgoing.url), query),
      headers: credential ? merged : withoutSecrets(merged),
      body,
    };
    const began = clock.now();
    try {
      return await this.#origins.exchange(request, { credential, address: LINK, asked });
    } finally {
      onDuration?.(clock.now() - began);
    }
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
}

/** Without the headers whose values hold a configured secret, in any encoding. */
function withoutSecrets(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => maskForeign(value) === value));
}
