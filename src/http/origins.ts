import type { Environment, TlsConfig } from '../config/types.ts';
import type { Secret } from '../core/secret.ts';
import { Connections } from './connections.ts';
import { sourceWay, type Way } from './way.ts';

interface OriginSettings {
  readonly options: {
    readonly base_url: string;
    readonly timeout: number;
    readonly tls?: TlsConfig | undefined;
    readonly proxy?: Secret | undefined;
  };
  readonly env: Environment;
}

/** How an origin is reached. */
interface Reach {
  readonly way: Way;
  readonly connections: Connections;
}

/** Added to the time-out of a request, so that its own ends first. Milliseconds. */
const CONNECT_MARGIN = 1_000;

/**
 * The connections of one source: to the origin of `base_url`, and to others that its requests may go to. Of `tls`, the
 * server name belongs to `base_url` alone, and the client certificate is only shown where the credential may go.
 */
export class Origins implements AsyncDisposable {
  readonly #settings: OriginSettings;
  readonly #home: string;
  readonly #reached = new Map<string, Reach>();

  constructor(settings: OriginSettings) {
    this.#settings = settings;
    this.#home = new URL(settings.options.base_url).origin;
  }

  /** @param address the name of the setting that holds this URL, for messages; not used for the origin of `base_url` */
  to(url: URL, credential: boolean, address: string): Reach {
    const key = `${url.origin} ${credential}`;
    const known = this.#reached.get(key);
    if (known !== undefined) return known;
    const way = url.origin === this.#home ? this.#homeWay() : this.#otherWay(url, credential, address);
    const timeout = this.#settings.options.timeout + CONNECT_MARGIN;
    const reach = { way, connections: new Connections({ way, timeout }) };
    this.#reached.set(key, reach);
    return reach;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#reached.values()];
    await Promise.all(all.map(({ connections }) => connections[Symbol.asyncDispose]()));
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
