import { BlockList, isIP, isIPv4 } from 'node:net';
import { percentEncoded } from '../core/text.ts';
import { maskFromNowOn, Secret } from '../core/secret.ts';
import type { Problems } from './problems.ts';
import type { Environment } from './types.ts';

/** A proxy; everything but `credential` and `url` may be printed. */
export interface Proxy {
  /** Scheme, host and port: `http://proxy.example.com:3128`. */
  readonly origin: string;
  readonly host: string;
  /** `user:password`. */
  readonly credential: Secret | undefined;
  /** With the credential, percent-encoded. */
  readonly url: Secret;
  /** The name of the setting it comes from: a variable, or the option `proxy`. */
  readonly setting: string;
}

const NO_PROXY_URL = 'expected a proxy as host:port, or its URL such as http://proxy.example.com:3128';

/**
 * Parses a proxy as other programs do: a URL, or `host:port`. The last `@` ends the credential, so that a password may
 * contain any character (`#`, `/`, `@`), percent-encoded or not. Undefined for invalid text, whose credential is masked
 * anyway.
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
 * The proxy for a URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY; undefined for a direct connection. Everything that connects
 * uses this function.
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

/** Adds problems with the variables to `problems`, and masks the passwords in them. */
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

/** Whether a host is reached without a proxy. `host` as in a URL; an IPv6 address may be in brackets. */
export type Bypass = (host: string, port: number) => boolean;

const HOST = /^[\p{L}\p{N}_-]+(?:\.[\p{L}\p{N}_-]+)*$/u;

/**
 * Reads `NO_PROXY`: entries separated by commas or blanks, each with a port or without one. `example.com` and
 * `.example.com` are the domain and what is below it, `*.example.com` is what is below it, `*` is everything; an address,
 * a network (`10.0.0.0/8`, `fd00::/8`) or a range (`10.0.0.1-10.0.0.9`) matches addresses.
 * @throws Error that quotes an invalid entry.
 */
export function parseNoProxy(text: string): Bypass {
  const entries = text
    .replaceAll(/(?<=[\d:a-f])\s+-\s+(?=[\d:a-f])/gi, '-')
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry);
  return (host, port) => {
    const name = bare(host);
    return entries.some((matches) => matches(name, port));
  };
}

function parseEntry(entry: string): Bypass {
  const { host, port } = splitPort(entry);
  const matches = host === '*' ? () => true : (matchAddress(host) ?? matchName(host));
  if (matches === undefined || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new Error(
      `expected hosts, domains, addresses, networks (10.0.0.0/8) or ranges (10.0.0.1-10.0.0.9), not \`${entry}\``,
    );
  }
  return (name, at) => (port === undefined || port === at) && matches(name);
}

/** `host:80`, `[::1]:80`; an IPv6 address without brackets has no port. */
function splitPort(entry: string): { readonly host: string; readonly port: number | undefined } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  const host = bracketed ?? plain;
  return host === undefined
    ? { host: entry, port: undefined }
    : { host, port: port === undefined ? undefined : Number(port) };
}

/** Undefined for anything but an address, a network or a range. */
function matchAddress(text: string): ((host: string) => boolean) | undefined {
  const list = new BlockList();
  const [first = '', bits, ...rest] = text.split('/');
  const [from = '', to] = text.split('-');
  try {
    if (bits === undefined && isIP(text) !== 0) list.addAddress(text, family(text));
    else if (rest.length === 0 && isIP(first) !== 0 && /^\d{1,3}$/.test(bits ?? ''))
      list.addSubnet(first, Number(bits), family(first));
    else if (isIP(from) !== 0 && to !== undefined && isIP(to) === isIP(from))
      list.addRange(from, to, family(from));
    else return undefined;
  } catch {
    // The prefix is too long, or the range ends before it begins.
    return undefined;
  }
  return (host) => isIP(host) !== 0 && list.check(host, family(host));
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/** Undefined for what cannot be a host, also when it only looks like an address (`10.`, `192.168`). */
function matchName(text: string): ((host: string) => boolean) | undefined {
  const domain = text
    .toLowerCase()
    .replace(/^\*?\./, '')
    .replace(/(?<=[^.\d])\.$/, '');
  if (!HOST.test(domain) || /^[\d.]+(?:-[\d.]+)?$/.test(domain)) return undefined;
  const belowOnly = text.startsWith('*');
  return (host) => (!belowOnly && host === domain) || host.endsWith(`.${domain}`);
}

function bare(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}
