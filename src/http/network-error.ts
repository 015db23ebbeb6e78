import type { Proxy } from '../config/proxy.ts';
import { printable, showDuration } from '../core/text.ts';
import { maskForeign } from '../core/secret.ts';
import { speaksTls, explainTlsError, explainPlainRequest } from './tls-error.ts';
import { type NetworkError, ExplainedError, proxyName, serverOf, type Way } from './way.ts';

type Explain = (way: Way, error: NetworkError) => string;

const closed: Explain = (way) => {
  const { tls, url, proxy } = way;
  const through = proxy === undefined ? '' : `, through the proxy ${proxyName(proxy)},`;
  const what = `the connection to ${serverOf(way)}${through} was closed or reset before the response was complete`;
  if (url.startsWith('http:')) return `${what}. If this port expects TLS, write https:// in ${way.address}`;
  return tls.cert_file == null
    ? `${what}. If the server requires a client certificate, set ${way.option('cert_file')} and ${way.option('key_file')}`
    : `${what}. The server may have refused the client certificate in ${way.option('cert_file')}`;
};

const noRoute: Explain = (way) =>
  `${serverOf(way)} is unreachable from this host: there is no route to it. Check the network, and whether a proxy must be set`;

const connectTimeout: Explain = (way) =>
  `connecting to ${serverOf(way)} timed out. Check the network and its firewalls, and whether a proxy must be set`;

const noSuchName: Explain = (way, { hostname }) =>
  `the host name ${hostname ?? new URL(way.url).hostname} was not found (DNS). Check it in ${way.address}, and the name servers of this host`;

const noNameServer: Explain = (way, { hostname }) =>
  `the host name ${hostname ?? new URL(way.url).hostname} could not be looked up: the name servers (DNS) did not answer. Usually temporary; otherwise check the name servers of this host`;

const forbidden: Explain = (way) =>
  `this host does not permit the connection to ${serverOf(way)}. Check its firewall and its security policy`;

const noRoom: Explain = () =>
  'this host has no more file descriptors, ports or memory for a connection. Raise its limits, or stop what uses them up';

const unsendable: Explain = (way) =>
  `the request cannot be sent as configured: a header or the path contains a character that HTTP does not allow. Check ${way.address}, the headers and the credential`;

/** By the codes of Node and undici. */
const WORDS: Readonly<Record<string, Explain>> = {
  ECONNREFUSED: (way) =>
    `the connection to ${serverOf(way)} was refused. Check that the service is running, and host and port in ${way.address}`,
  ECONNRESET: closed,
  ECONNABORTED: closed,
  EPIPE: closed,
  UND_ERR_SOCKET: closed,
  ENOTFOUND: noSuchName,
  EAI_NONAME: noSuchName,
  EAI_NODATA: noSuchName,
  EAI_AGAIN: noNameServer,
  EAI_FAIL: noNameServer,
  ESERVFAIL: noNameServer,
  EHOSTUNREACH: noRoute,
  EHOSTDOWN: noRoute,
  ENETUNREACH: noRoute,
  ENETDOWN: noRoute,
  ETIMEDOUT: connectTimeout,
  UND_ERR_CONNECT_TIMEOUT: connectTimeout,
  EACCES: forbidden,
  EPERM: forbidden,
  EMFILE: noRoom,
  ENFILE: noRoom,
  ENOBUFS: noRoom,
  ENOMEM: noRoom,
  EADDRNOTAVAIL: noRoom,
  EADDRINUSE: noRoom,
  UND_ERR_INVALID_ARG: unsendable,
  ERR_INVALID_CHAR: unsendable,
  ERR_UNESCAPED_CHARACTERS: unsendable,
  ERR_INVALID_HTTP_TOKEN: unsendable,
};

/**
 * Explains an error of the network, of TLS or of a proxy, as text that can follow `…: `: what happened, then what to do,
 * naming the settings. It never contains a library's codes or messages, nor a secret.
 */
export function explainNetworkError(thrown: unknown, way: Way): string {
  const chain = chainOf(thrown);
  const own = chain.find((error) => error instanceof ExplainedError);
  if (own !== undefined) return own.message;
  for (const error of chain) {
    const words =
      proxyFailure(error, way) ??
      explainTlsError(error, way) ??
      (speaksTls(error) ? explainPlainRequest(way) : explainUnparsable(error)) ??
      WORDS[error.code ?? '']?.(way, error);
    if (words !== undefined) return words;
  }
  return `the request failed${remark(chain[0])}`;
}

/** The error and its causes; an error for several addresses holds one for each. */
function chainOf(thrown: unknown): readonly NetworkError[] {
  if (!(thrown instanceof Error)) return [];
  const several = thrown instanceof AggregateError ? thrown.errors.flatMap(chainOf) : [];
  return [thrown, ...several, ...chainOf(thrown.cause)];
}

/** Codes, and names of places inside a library. */
const INTERNALS =
  /\b[\dA-F]*:?error:[\dA-F]+:.*$|\b(?:E[A-Z]{3,}|[A-Z]+(?:_[A-Z\d]+)+)\b|\bnode(?:\.js)?\b.*$/gis;

/** The message of an unforeseen error in parentheses, without the codes in it. */
function remark(error: Error | undefined): string {
  const words = printable(maskForeign(error?.message ?? ''))
    .replaceAll(INTERNALS, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words === '' ? '' : ` (${words.slice(0, 200)})`;
}

/** Why a proxy could not be reached, by the codes of Node and undici. With a proxy, we connect to no other host. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refused the connection',
  ENOTFOUND: 'its host name was not found (DNS)',
  EAI_AGAIN: 'its host name could not be looked up, since the name servers (DNS) did not answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  EHOSTDOWN: 'there is no route to it',
  ETIMEDOUT: 'connecting to it timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connecting to it timed out',
};

/** Explains an error of the proxy, naming it and its setting; undefined for any other error. */
export function proxyFailure(error: NetworkError, way: Way): string | undefined {
  const { proxy } = way;
  if (proxy === undefined) return undefined;
  const { code = '' } = error;
  const why = UNREACHABLE[code];
  if (why !== undefined) {
    return `the proxy ${proxyName(proxy)} is unreachable: ${why}. Check that it is up, and its address in ${proxy.setting}`;
  }
  const status = statusOf(error);
  if (status !== undefined) return explainProxyStatus(proxy, status, serverOf(way));
  if (code === 'UND_ERR_PRX_CONN' || code === 'ERR_PROXY_TUNNEL') {
    return `the proxy ${proxyName(proxy)} closed the connection before it reached ${serverOf(way)}. Check that it is a proxy, and whether ${proxy.setting} must begin with https://`;
  }
  return undefined;
}

/** Explains the status with which a proxy itself answered. */
export function explainProxyStatus(proxy: Proxy, status: number, server: string): string {
  const name = `the proxy ${proxyName(proxy)}`;
  if (status === 407 && proxy.credential === undefined) {
    return `${name} requires a user and a password (407). Add them to ${proxy.setting}, as in http://user:password@host:port`;
  }
  if (status === 407)
    return `${name} refused the user or the password in ${proxy.setting} (407). Correct them`;
  const what = `${name} refused the connection to ${server} (HTTP ${status})`;
  return status >= 500
    ? `${what}: it could not reach the server. Check the address, and what the proxy may reach`
    : `${what}. Allow it on the proxy, or add the host to NO_PROXY`;
}

/** undici and Node give the status only in their messages. */
function statusOf({ message, code, statusCode }: NetworkError): number | undefined {
  if (code === 'ERR_PROXY_TUNNEL' && statusCode !== undefined) return statusCode;
  if (message === 'Proxy Authentication Required (407)') return 407;
  const [, status] = /^Proxy response \((\d+)\) !== 200/.exec(message) ?? [];
  return status === undefined ? undefined : Number(status);
}

/** Limit on response headers of vendors and receivers: some gateways need more than twice the usual limit. */
export const MAX_HEADER_BYTES = 65_536;

const OVERFLOW = new Set(['UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW']);

/** undici's messages for a response that it does not accept. */
const UNACCEPTED = new Set(['bad upgrade', 'bad response']);

/**
 * Explains why the HTTP library (undici or Node's own client) did not accept a response, as text that can follow `…: `;
 * undefined for any other error.
 */
export function explainUnparsable(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', reason } = error as { code?: string; reason?: string };
  if (OVERFLOW.has(code)) {
    return `its response headers are larger than ${MAX_HEADER_BYTES / 1024} KiB. Check what the server, or a gateway in between, adds to them`;
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return 'its response has contradictory lengths (two Content-Length headers, one beside Transfer-Encoding, or one that does not match its body). A proxy may have changed it';
  }
  if (code === 'ERR_ASSERTION' || UNACCEPTED.has(error.message)) {
    return 'its response does not answer the request: it switches protocols (101) or has another unexpected status. Check the address, and any proxy in between';
  }
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) {
    const detail = reason ?? /\((.*)\)/.exec(error.message)?.[1] ?? error.message;
    const why = detail.startsWith('Expected HTTP/') ? 'it does not begin with HTTP/' : detail;
    return `its response is not valid HTTP (${why}). Check the address, its protocol (http or https) and its port`;
  }
  return undefined;
}

/** How far an exchange has come. `tls`: in the handshake. `waiting`: for the response to begin. */
export type Phase = 'connecting' | 'tls' | 'waiting' | 'reading';

/**
 * Explains a time-out: in which phase it happened, and what to do.
 * @param timeout milliseconds
 */
export function explainTimeout(phase: Phase, timeout: number, way: Way): string {
  return `timed out after ${shown(timeout)} ${TIMEOUT_WORDS[phase](way)}`;
}

const TIMEOUT_WORDS: Readonly<Record<Phase, (way: Way) => string>> = {
  connecting: (way) =>
    `while connecting to ${serverOf(way)}${through(way)}. Check the network and its firewalls, host and port in ${way.address}${way.proxy === undefined ? ', and whether a proxy must be set' : ''}`,
  tls: (way) =>
    `during the TLS handshake with ${serverOf(way)}. Check that this port speaks TLS, and any proxy or firewall in between`,
  waiting: (way) =>
    `while waiting for the response of ${serverOf(way)}; the request was sent. Raise \`timeout\` if the server needs longer`,
  reading: (way) =>
    `while reading the response of ${serverOf(way)}. Raise \`timeout\` if the response is large or the network is slow`,
};

function through({ proxy }: Way): string {
  return proxy === undefined ? '' : ` through the proxy ${proxyName(proxy)}`;
}

function shown(timeout: number): string {
  return timeout < 1_000 ? `${timeout} ms` : showDuration(timeout).replaceAll(/(\d)([a-z])/g, '$1 $2');
}
