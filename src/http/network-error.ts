import type { Proxy } from '../config/proxy.ts';
import { printable, showDuration } from '../core/text.ts';
import { maskForeign } from '../core/secret.ts';
import { speaksTls, tlsFailure, wantsTlsWords } from './tls-error.ts';
import { type NetworkError, OwnWords, proxyName, serverOf, type Way } from './way.ts';

type Explain = (way: Way, error: NetworkError) => string;

const closed: Explain = (way) => {
  const { tls, url, proxy } = way;
  const through = proxy === undefined ? '' : `, through the proxy ${proxyName(proxy)},`;
  const what = `the connection to ${serverOf(way)}${through} was closed or reset before the answer was complete`;
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
  `the host name ${hostname ?? new URL(way.url).hostname} could not be looked up: the name servers (DNS) gave no answer. Usually temporary; otherwise check the name servers of this host`;

const forbidden: Explain = (way) =>
  `this host does not permit the connection to ${serverOf(way)}. Check its firewall and its security policy`;

const noRoom: Explain = () =>
  'this host has no more file descriptors, ports or memory for a connection. Raise its limits, or end what uses them up';

const unsendable: Explain = (way) =>
  `the request cannot be sent as it is configured: a header or the path holds a character that HTTP does not allow. Check ${way.address}, the headers and the credential`;

/** By the codes of Node and undici. */
const WORDS: Readonly<Record<string, Explain>> = {
  ECONNREFUSED: (way) =>
    `the connection to ${serverOf(way)} was refused. Check that the service is up, and host and port in ${way.address}`,
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
 * What the network, TLS or a proxy threw, in words that can follow `…: `: what happened, then what to do, with the
 * settings by their names. Never holds a code or a text of a library, nor a secret.
 */
export function networkWords(thrown: unknown, way: Way): string {
  const chain = chainOf(thrown);
  const own = chain.find((error) => error instanceof OwnWords);
  if (own !== undefined) return own.message;
  for (const error of chain) {
    const words =
      proxyFailure(error, way) ??
      tlsFailure(error, way) ??
      (speaksTls(error) ? wantsTlsWords(way) : unparsable(error)) ??
      WORDS[error.code ?? '']?.(way, error);
    if (words !== undefined) return words;
  }
  return `the request failed${remark(chain[0])}`;
}

/** The error, what it stands for, and what caused it: an error of several addresses has one for each. */
function chainOf(thrown: unknown): readonly NetworkError[] {
  if (!(thrown instanceof Error)) return [];
  const several = thrown instanceof AggregateError ? thrown.errors.flatMap(chainOf) : [];
  return [thrown, ...several, ...chainOf(thrown.cause)];
}

/** Codes, and where in a library something happened. */
const INTERNALS =
  /\b[\dA-F]*:?error:[\dA-F]+:.*$|\b(?:E[A-Z]{3,}|[A-Z]+(?:_[A-Z\d]+)+)\b|\bnode(?:\.js)?\b.*$/gis;

/** The words of an error that nobody has foreseen, without the codes in them. */
function remark(error: Error | undefined): string {
  const words = printable(maskForeign(error?.message ?? ''))
    .replaceAll(INTERNALS, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return words === '' ? '' : ` (${words.slice(0, 200)})`;
}

/** Why a proxy could not be reached, by the codes of Node and undici. With a proxy, no other host is connected to. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'it refused the connection',
  ENOTFOUND: 'its host name was not found (DNS)',
  EAI_AGAIN: 'its host name could not be looked up, since the name servers (DNS) gave no answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  EHOSTDOWN: 'there is no route to it',
  ETIMEDOUT: 'connecting to it timed out',
  UND_ERR_CONNECT_TIMEOUT: 'connecting to it timed out',
};

/** What a proxy had against the request, in words that name it and its setting; undefined for an error of something else. */
export function proxyFailure(error: NetworkError, way: Way): string | undefined {
  const { proxy } = way;
  if (proxy === undefined) return undefined;
  const { code = '' } = error;
  const why = UNREACHABLE[code];
  if (why !== undefined) {
    return `the proxy ${proxyName(proxy)} is unreachable: ${why}. Check that it is up, and its address in ${proxy.setting}`;
  }
  const status = statusOf(error);
  if (status !== undefined) return proxyRefusal(proxy, status, serverOf(way));
  if (code === 'UND_ERR_PRX_CONN' || code === 'ERR_PROXY_TUNNEL') {
    return `the proxy ${proxyName(proxy)} closed the connection before it connected ${serverOf(way)}. Check that it is a proxy, and whether ${proxy.setting} must begin with https://`;
  }
  return undefined;
}

/** What the status with which a proxy answers itself means. */
export function proxyRefusal(proxy: Proxy, status: number, server: string): string {
  const name = `the proxy ${proxyName(proxy)}`;
  if (status === 407 && proxy.credential === undefined) {
    return `${name} requires a user and a password (407). Write them into ${proxy.setting}, as in http://user:password@host:port`;
  }
  if (status === 407)
    return `${name} refused the user or the password in ${proxy.setting} (407). Correct them`;
  const what = `${name} refused the connection to ${server} (HTTP ${status})`;
  return status >= 500
    ? `${what}: it could not reach it. Check the address, and what the proxy may reach`
    : `${what}. Have the proxy allow it, or name the host in NO_PROXY`;
}

/** What undici and Node say of it is only in their messages. */
function statusOf({ message, code, statusCode }: NetworkError): number | undefined {
  if (code === 'ERR_PROXY_TUNNEL' && statusCode !== undefined) return statusCode;
  if (message === 'Proxy Authentication Required (407)') return 407;
  const [, status] = /^Proxy response \((\d+)\) !== 200/.exec(message) ?? [];
  return status === undefined ? undefined : Number(status);
}

/** The most that the headers of a response may take on either side: twice what is usual is not enough for some gateways. */
export const MAX_HEADER_BYTES = 65_536;

const OVERFLOW = new Set(['UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW']);

/** What undici says of a response that it has read and does not take. */
const NOT_TAKEN = new Set(['bad upgrade', 'bad response']);

/**
 * Why a response was not taken by the HTTP library, in words that can follow `…: `; undefined for any other error.
 * For the codes and classes of undici and of Node's own client.
 */
export function unparsable(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', reason } = error as { code?: string; reason?: string };
  if (OVERFLOW.has(code)) {
    return `its response headers are larger than ${MAX_HEADER_BYTES / 1024} KiB. Look at what the server, or a gateway on the way, adds to them`;
  }
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return 'its response has more than one length (two Content-Length headers, one beside Transfer-Encoding, or one that is not that of its body). A proxy on the way may have changed it';
  }
  if (code === 'ERR_ASSERTION' || NOT_TAKEN.has(error.message)) {
    return 'its response is not understood: it switches protocols (101), or has another status that is no answer to this request. Check the address, and what is on the way';
  }
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_')) {
    const said = reason ?? /\((.*)\)/.exec(error.message)?.[1] ?? error.message;
    const why = said.startsWith('Expected HTTP/') ? 'it does not begin with HTTP/' : said;
    return `its response is not valid HTTP (${why}). Check the address, its protocol (http or https) and its port`;
  }
  return undefined;
}

/** How far an exchange has come. `tls`: the handshake. `waiting`: for the beginning of the answer. */
export type Phase = 'connecting' | 'tls' | 'waiting' | 'reading';

/**
 * What is said of an exchange that did not end in its time: in which phase, and what to do.
 * @param timeout milliseconds
 */
export function timedOutWords(phase: Phase, timeout: number, way: Way): string {
  return `timed out after ${shown(timeout)} ${LATE[phase](way)}`;
}

const LATE: Readonly<Record<Phase, (way: Way) => string>> = {
  connecting: (way) =>
    `while connecting to ${serverOf(way)}${through(way)}. Check the network and its firewalls, host and port in ${way.address}${way.proxy === undefined ? ', and whether a proxy must be set' : ''}`,
  tls: (way) =>
    `during the TLS handshake with ${serverOf(way)}. Check that this port speaks TLS, and what is on the way`,
  waiting: (way) =>
    `while waiting for the answer of ${serverOf(way)}; the request was sent. Raise \`timeout\` if the server needs longer`,
  reading: (way) =>
    `while reading the answer of ${serverOf(way)}, which had begun. Raise \`timeout\` if the answer is large or the network is slow`,
};

function through({ proxy }: Way): string {
  return proxy === undefined ? '' : ` through the proxy ${proxyName(proxy)}`;
}

function shown(timeout: number): string {
  return timeout < 1_000 ? `${timeout} ms` : showDuration(timeout).replaceAll(/(\d)([a-z])/g, '$1 $2');
}
