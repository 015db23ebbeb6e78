import { maskForeign } from '../core/secret.ts';
import { printable } from '../core/printable.ts';
import { unparsable } from './parse-error.ts';
import { proxyFailure } from './proxy-error.ts';
import { speaksTls, tlsFailure, wantsTlsWords } from './tls-error.ts';
import { proxyName, serverOf, type Way } from './way.ts';

/** An error of the network, of TLS or of a proxy, as Node and undici throw it. */
export interface NetworkError extends Error {
  readonly code?: string;
  /** The name that was looked up. */
  readonly hostname?: string;
  /** What a proxy answered when it was asked for a tunnel. */
  readonly statusCode?: number;
}

/** An error whose message is ours already. */
export class OwnWords extends Error {}

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
