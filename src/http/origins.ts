import type { HttpRequest } from '../core/http.ts';
import { Connections } from './connections.ts';
import { exchange, GivenUpError, type RawResponse, type SentRequest } from './exchange.ts';
import type { HttpSettings } from './settings.ts';
import { bareUrl, sourceWay, type Way } from './way.ts';

/** How an origin is reached. */
interface Reach {
  readonly way: Way;
  readonly connections: Connections;
}

/** What an exchange needs to know of its target. */
interface Target {
  /** See `HttpRequest.asked`. */
  readonly asked?: HttpRequest['asked'] | undefined;
  /** Whether the target may receive the credential, and so the client certificate. */
  readonly credential: boolean;
  /** The name of the setting that holds the URL, for messages; not used for the origin of `base_url`. */
  readonly address: string;
}

/** Added to the time-out of a request, so that its own ends first. Milliseconds. */
const CONNECT_MARGIN = 1_000;

/**
 * The connections of one source: to the origin of `base_url`, and to others that its requests may go to. Of `tls`, the
 * server name belongs to `base_url` alone, and the client certificate is only shown where the credential may go.
 */
export class Origins implements AsyncDisposable {
  readonly #settings: HttpSettings;
  readonly #home: string;
  readonly #reached = new Map<string, Reach>();

  constructor(settings: HttpSettings) {
    this.#settings = settings;
    this.#home = new URL(settings.options.base_url).origin;
  }

  /** Sends one request, without retries and redirects. @throws whatever `exchange` throws */
  async exchange(request: SentRequest, target: Target): Promise<RawResponse> {
    const { options, clock, signal, log, standIn, onExchange } = this.#settings;
    const { way, connections } = this.#reach(request.url, target);
    const { pathname, search } = request.url;
    const url = standIn === undefined ? request.url : new URL(pathname + search, standIn);
    const limits = { clock, timeout: options.timeout, maxBytes: options.max_response_bytes, signal };
    try {
      const sent = { ...request, url };
      const raw = await exchange(connections, sent, { ...limits, asked: target.asked, way });
      const response = { ...raw, url: bareUrl(request.url) };
      onExchange?.(request, response);
      return response;
    } catch (error) {
      if (error instanceof GivenUpError) {
        connections.abandon();
        const fields = { url: { full: error.url }, error: { type: error.name, message: error.message } };
        log.warn(fields, 'Request could not be cancelled; its connection was closed.');
      }
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#reached.values()];
    await Promise.all(all.map(({ connections }) => connections[Symbol.asyncDispose]()));
  }

  #reach(url: URL, { credential, address }: Target): Reach {
    const key = `${url.origin} ${credential}`;
    const known = this.#reached.get(key);
    if (known !== undefined) return known;
    const way = url.origin === this.#home ? this.#homeWay() : this.#otherWay(url, credential, address);
    const timeout = this.#settings.options.timeout + CONNECT_MARGIN;
    const reach = { way, connections: new Connections({ way, timeout }) };
    this.#reached.set(key, reach);
    return reach;
  }

  #homeWay(): Way {
    return sourceWay(this.#settings.options, this.#settings.env);
  }

  #otherWay({ origin }: URL, credential: boolean, address: string): Way {
    const { options, env } = this.#settings;
    const { server_name: _, ca_file, insecure_skip_verify = false, ...certificate } = options.tls ?? {};
    const tls = { ca_file, insecure_skip_verify, ...(credential && certificate) };
    return { ...sourceWay({ ...options, base_url: origin, tls }, env), address };
  }
}
