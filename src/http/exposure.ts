import type { Secret } from '../core/secret.ts';
import type { DestinationConfig } from '../config/types.ts';
import type { Finding } from '../core/source.ts';
import type { Logger } from '../core/log.ts';
import { isLoopback } from './loopback.ts';
import { type Proxy, proxyFor } from '../config/proxies.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What others on the way can read, and what to do about it. */
export interface Exposure {
  readonly detail: string;
  readonly advice: string;
}

/** What others on the way to a vendor can read; undefined where that is nothing. */
export function sourceExposure(
  { base_url, proxy }: { readonly base_url: string; readonly proxy?: Secret | undefined },
  env: Environment,
): Exposure | undefined {
  return exposure(base_url, proxyFor(base_url, env, proxy), true);
}

/** As `sourceExposure`, of a destination: its credential is in its headers, or in the query of its URL. */
export function destinationExposure(
  { url, headers }: Pick<DestinationConfig, 'url' | 'headers'>,
  env: Environment,
): Exposure | undefined {
  const credential = Object.keys(headers).length > 0 || new URL(url).search !== '';
  return exposure(url, proxyFor(url, env), credential);
}

/** A tunnel through a plain-http proxy hides all but the proxy's own password. */
function exposure(url: string, proxy: Proxy | undefined, credential: boolean): Exposure | undefined {
  const { protocol, hostname, host } = new URL(url);
  const plainProxy = proxy?.origin.startsWith('http:') === true ? proxy : undefined;
  const isPlain = credential && protocol === 'http:';
  if (isPlain && plainProxy !== undefined)
    return {
      detail: `The credential goes over plain http through the plain-http proxy ${plainProxy.host} to ${host}: anyone on the way can read it.`,
      advice: 'Use https.',
    };
  if (isPlain && !isLoopback(hostname))
    return {
      detail: `The credential goes over plain http to ${host}: anyone on the way can read it.`,
      advice: 'Use https.',
    };
  if (plainProxy?.credential !== undefined && !isLoopback(new URL(plainProxy.origin).hostname))
    return {
      detail: `The proxy's password goes over plain http to ${plainProxy.host}: anyone on the way can read it.`,
      advice: 'Use an https:// proxy.',
    };
  return undefined;
}

/** An exposure as `penstock check` tells it; empty where there is none. */
export function exposureFindings(exposure: Exposure | undefined): Finding[] {
  return exposure === undefined ? [] : [{ probe: 'transport', verdict: 'warn', ...exposure }];
}

/** An exposure as the log tells it at the start. */
export function warnOfExposure(exposure: Exposure | undefined, url: string, log: Logger): void {
  if (exposure === undefined) return;
  log.warn({ url: { full: url } }, `${exposure.detail} ${exposure.advice}`);
}
