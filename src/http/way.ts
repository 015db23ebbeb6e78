import { type Proxy, proxyFor } from '../config/proxy.ts';
import type { DestinationConfig, TlsConfig, Environment } from '../config/types.ts';
import { isLoopback } from '../core/loopback.ts';
import type { Logger } from '../core/log.ts';
import type { Secret } from '../core/secret.ts';
import type { Finding } from '../core/source.ts';

/** A TLS setting that an error message may name. */
type TlsOption = Exclude<keyof TlsConfig, 'insecure_skip_verify'>;

/** How a server is reached, with the names of the settings behind it: what error messages need. */
export interface Way {
  /** Of the server. Its query is never shown. */
  readonly url: string;
  /** The name of the setting that holds the URL: `base_url`, `endpoint`. */
  readonly address: string;
  readonly tls: TlsConfig;
  /** Undefined: the connection is direct. */
  readonly proxy: Proxy | undefined;
  /** The name of the setting that holds a TLS option. */
  readonly option: (name: TlsOption) => string;
}

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

/** What others can read in transit, and what to do about it. */
export interface Exposure {
  readonly detail: string;
  readonly advice: string;
}

/** What others can read of requests to a vendor; undefined when nothing. */
export function sourceExposure(
  { base_url, proxy }: { readonly base_url: string; readonly proxy?: Secret | undefined },
  env: Environment,
): Exposure | undefined {
  return exposure(base_url, proxyFor(base_url, env, proxy), true);
}

/** As `sourceExposure`, for a destination, whose credential is in its headers or in the query of its URL. */
export function destinationExposure(
  { url, headers }: Pick<DestinationConfig, 'url' | 'headers'>,
  env: Environment,
): Exposure | undefined {
  const credential = Object.keys(headers).length > 0 || new URL(url).search !== '';
  return exposure(url, proxyFor(url, env), credential);
}

/** With https, a plain-http proxy only sees its own password. */
function exposure(url: string, proxy: Proxy | undefined, credential: boolean): Exposure | undefined {
  const { protocol, hostname, host } = new URL(url);
  const plainProxy = proxy?.origin.startsWith('http:') === true ? proxy : undefined;
  const isPlain = credential && protocol === 'http:';
  if (isPlain && plainProxy !== undefined)
    return {
      detail: `The credential is sent over plain http through the plain-http proxy ${plainProxy.host} to ${host}: anyone on the way can read it.`,
      advice: 'Use https.',
    };
  if (isPlain && !isLoopback(hostname))
    return {
      detail: `The credential is sent over plain http to ${host}: anyone on the way can read it.`,
      advice: 'Use https.',
    };
  if (plainProxy?.credential !== undefined && !isLoopback(new URL(plainProxy.origin).hostname))
    return {
      detail: `The proxy's password is sent over plain http to ${plainProxy.host}: anyone on the way can read it.`,
      advice: 'Use an https:// proxy.',
    };
  return undefined;
}

/** An exposure as a finding of `penstock check`; empty without one. */
export function exposureFindings(exposure: Exposure | undefined): Finding[] {
  return exposure === undefined ? [] : [{ probe: 'transport', verdict: 'warn', ...exposure }];
}

/** Logs an exposure as a warning; called at the start. */
export function warnOfExposure(exposure: Exposure | undefined, url: string, log: Logger): void {
  if (exposure === undefined) return;
  log.warn({ url: { full: url } }, `${exposure.detail} ${exposure.advice}`);
}

/** A URL as errors and logs may show it: no query, no credentials, no fragment. */
export function bareUrl({ origin, pathname }: URL): string {
  return origin + pathname;
}

/** An error of the network, of TLS or of a proxy, as Node and undici throw it. */
export interface NetworkError extends Error {
  readonly code?: string;
  /** The host name of a DNS lookup. */
  readonly hostname?: string;
  /** The status with which a proxy refused a tunnel. */
  readonly statusCode?: number;
}

/** An error whose message already explains the cause in our words. */
export class ExplainedError extends Error {}
