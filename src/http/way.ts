import type { Secret } from '../core/secret.ts';
import type { DestinationConfig, TlsConfig } from '../config/types.ts';
import { type Proxy, proxyFor } from '../config/proxies.ts';

/** A setting of TLS that an error may ask the operator to change. */
type TlsOption = Exclude<keyof TlsConfig, 'insecure_skip_verify'>;

/** The way to a server, as far as its errors can be explained by it, and the settings that describe it. */
export interface Way {
  /** Of the server. A query in it is not shown. */
  readonly url: string;
  /** What the operator calls the setting that holds the URL: `base_url`, `endpoint`. */
  readonly address: string;
  readonly tls: TlsConfig;
  /** Undefined: the server is asked directly. */
  readonly proxy: Proxy | undefined;
  /** What the operator calls an option of TLS. */
  readonly option: (name: TlsOption) => string;
}

type Environment = Readonly<Record<string, string | undefined>>;

interface SourceOptions {
  readonly base_url: string;
  readonly tls?: TlsConfig | undefined;
  readonly proxy?: Secret | undefined;
}

/** The way to a vendor. */
export function sourceWay({ base_url: url, tls = {}, proxy }: SourceOptions, env: Environment): Way {
  return { url, address: 'base_url', tls, proxy: proxyFor(url, env, proxy), option: optionName };
}

/** The way to a destination, or to where metrics are pushed. */
export function destinationWay({ url, tls, variables }: DestinationConfig, env: Environment): Way {
  return {
    url,
    address: variables?.['endpoint'] ?? '`endpoint`',
    tls,
    proxy: proxyFor(url, env),
    option: (name) => {
      const variable = variables?.[name];
      return variable === undefined ? optionName(name) : `${variable} (${optionName(name)})`;
    },
  };
}

function optionName(name: TlsOption): string {
  return `tls.${name}`;
}

/** The server as `host:port`. */
export function serverOf({ url }: Pick<Way, 'url'>): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** The proxy as `host:port`, with the setting that names it: `10.0.0.1:3128 (HTTPS_PROXY)`. */
export function proxyName({ origin, setting }: Proxy): string {
  return `${serverOf({ url: origin })} (${setting})`;
}
