import type { Problems } from './problems.ts';
import { maskFromNowOn, Secret } from '../core/secret.ts';
import { type Bypass, parseNoProxy } from './no-proxy.ts';
import { percentEncoded } from '../core/printable.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A proxy, in parts: what may be shown of it, and what may not. */
export interface Proxy {
  /** Scheme, host and port: `http://proxy.example.com:3128`. */
  readonly origin: string;
  readonly host: string;
  /** `user:password`. */
  readonly credential: Secret | undefined;
  /** With the credential, percent-encoded. */
  readonly url: Secret;
  /** What names it: the variable, or the option `proxy`. */
  readonly setting: string;
}

const NO_PROXY_URL = 'expected a proxy as host:port, or as the http:// or https:// URL of one';

/**
 * A proxy as other programs take it: a URL, or `host:port` alone. The last `@` ends the credential, so that a password may
 * hold any character (`#`, `/`, `@`), percent-encoded or not. Undefined when it is none; its credential is masked anyway.
 */
export function parseProxy(text: string, setting = '`proxy`'): Proxy | undefined {
  const [, scheme = 'http', rest = ''] = /^(?:([a-z][a-z\d+.-]*):\/\/)?(.*)$/is.exec(text) ?? [];
  const at = rest.lastIndexOf('@');
  const [user, password] = credentialOf(rest.slice(0, Math.max(at, 0)));
  const url = URL.parse(`${scheme}://${rest.slice(at + 1)}`);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.pathname !== '/' || /[?#\s\\]/.test(rest.slice(at + 1))) return undefined;
  const origin = url.origin;
  if (at < 0)
    return { origin, host: url.host, credential: undefined, url: Secret.holdingNone(origin), setting };
  const encoded = `${percentEncoded(user)}:${percentEncoded(password)}`;
  return {
    origin,
    host: url.host,
    credential: new Secret(`${user}:${password}`),
    url: new Secret(`${url.protocol}//${encoded}@${url.host}`),
    setting,
  };
}

function credentialOf(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  const parts = colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
  const [user = '', password = ''] = parts.map(decoded);
  for (const hidden of [text, parts[1] ?? '', `${user}:${password}`, password]) maskFromNowOn(hidden);
  return [user, password];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text).toWellFormed();
  } catch {
    return text.toWellFormed();
  }
}

/**
 * The one reading of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, for all that connects: the proxy of a URL, undefined for none.
 * @param own the `proxy` option, which wins over all variables
 * @throws Error that names the variable whose value cannot be used
 */
export function proxyFor(url: string, env: Environment, own?: Secret): Proxy | undefined {
  if (own !== undefined) return parseProxy(own.reveal());
  const { protocol, hostname, port } = new URL(url);
  const proxy = proxyOf(env, protocol === 'https:' ? 'https_proxy' : 'http_proxy');
  if (proxy === undefined) return undefined;
  const at = Number(port) || (protocol === 'https:' ? 443 : 80);
  return bypassOf(env)(hostname, at) ? undefined : proxy;
}

/** Adds what is wrong with the variables to `problems`, and hides the passwords in them. */
export function checkProxies(env: Environment, problems: Problems): void {
  for (const read of [
    () => proxyOf(env, 'http_proxy'),
    () => proxyOf(env, 'https_proxy'),
    () => bypassOf(env),
  ]) {
    try {
      read();
    } catch (error) {
      if (!(error instanceof VariableError)) throw error;
      problems.addVariable(error.variable, error.message);
    }
  }
}

class VariableError extends Error {
  readonly variable: string;

  constructor(variable: string, message: string) {
    super(message);
    this.variable = variable;
  }
}

function proxyOf(env: Environment, name: string): Proxy | undefined {
  const found = lookUp(env, name);
  if (found === undefined) return undefined;
  const proxy = parseProxy(found.value, found.name);
  if (proxy === undefined) throw new VariableError(found.name, NO_PROXY_URL);
  return proxy;
}

function bypassOf(env: Environment): Bypass {
  const found = lookUp(env, 'no_proxy');
  try {
    return parseNoProxy(found?.value ?? '');
  } catch (error) {
    throw new VariableError(found?.name ?? '', (error as Error).message);
  }
}

/** Lower case first, as curl does; an empty variable counts as unset. */
function lookUp(
  env: Environment,
  name: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const spelling of [name, name.toUpperCase()]) {
    const value = env[spelling]?.trim() ?? '';
    if (value !== '') return { name: spelling, value };
  }
  return undefined;
}
