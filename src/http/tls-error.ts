import type { PeerCertificate } from 'node:tls';
import { maskForeign } from '../core/secret.ts';
import { printable } from '../core/text.ts';
import { proxyName, serverOf, type Way, type NetworkError } from './way.ts';

type Explain = (way: Way) => string;

const unknownAuthority: Explain = (way) =>
  way.tls.ca_file == null
    ? `${certificateOf(way)} is signed by an authority that is not trusted here (a private CA, perhaps). Set ${way.option('ca_file')} to the PEM file of that authority`
    : `${certificateOf(way)} is signed by an authority that is not trusted here, nor in the file of ${way.option('ca_file')}. Put the PEM certificate of that authority into this file`;

const notAccepted: Explain = (way) =>
  `${certificateOf(way)} is not acceptable: it is damaged, too weak, revoked, or not made for a server. Replace it`;

/** By Node's codes for invalid certificates. */
const CERTIFICATE: Readonly<Record<string, Explain>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: (way) =>
    `${certificateOf(way)} is self-signed and not trusted here. Set ${way.option('ca_file')} to the PEM file of this certificate`,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_UNTRUSTED: unknownAuthority,
  CERT_HAS_EXPIRED: (way) =>
    `${certificateOf(way)} has expired. Renew it; if it is still valid, correct the clock of this host`,
  CERT_NOT_YET_VALID: (way) =>
    `${certificateOf(way)} is not valid yet. Check the clock of this host; if it is right, replace the certificate`,
};

const OTHER_CERTIFICATE = /^(CERT_|CRL_|ERROR_IN_CERT|UNABLE_TO_|INVALID_(CA|PURPOSE)|PATH_LENGTH|HOSTNAME_)/;

const wantsCertificate: Explain = (way) =>
  way.tls.cert_file == null
    ? `${serverOf(way)} requires a client certificate. Set ${way.option('cert_file')} and ${way.option('key_file')}`
    : `${serverOf(way)} refused the client certificate in ${way.option('cert_file')}: it is expired, revoked, or of an authority that the server does not trust`;

const oldVersion: Explain = (way) =>
  `${serverOf(way)} supports neither TLS 1.2 nor TLS 1.3. Enable one of them there`;

/** By OpenSSL's reasons for a failed handshake. */
const HANDSHAKE: readonly (readonly [RegExp, Explain])[] = [
  [/wrong version number|packet length too long|http request|unknown protocol/, plainPort],
  [/certificate required|bad certificate|unknown ca|certificate (expired|revoked|unknown)/, wantsCertificate],
  [/unsupported certificate|access denied/, wantsCertificate],
  [/protocol version|unsupported protocol|no protocols available|inappropriate fallback/, oldVersion],
  [
    /unrecognized name/,
    (way) =>
      `${serverOf(way)} has no certificate for the requested name. Set ${way.option('server_name')} to a name that it has`,
  ],
  [
    /handshake failure|no shared cipher|insufficient security/,
    (way) =>
      `${serverOf(way)} refused the TLS handshake. ${way.tls.cert_file == null ? `It may require a client certificate: set ${way.option('cert_file')} and ${way.option('key_file')}` : `It may not accept the client certificate in ${way.option('cert_file')}`}; or it supports none of our ciphers`,
  ],
  [/key too small|md too weak|certificate verify failed/, notAccepted],
];

/** Explains why TLS failed; undefined for any other error. */
export function explainTlsError(error: NetworkError, way: Way): string | undefined {
  const { code = '', message } = error;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return wrongName(error, way);
  const certificate = CERTIFICATE[code];
  if (certificate !== undefined) return certificate(way);
  if (OTHER_CERTIFICATE.test(code)) return notAccepted(way);
  const reason = reasonOf(error);
  if (reason !== undefined) {
    const [, explain] = HANDSHAKE.find(([pattern]) => pattern.test(reason)) ?? [];
    return explain?.(way) ?? `the TLS handshake with ${serverOf(way)} failed`;
  }
  if (code === 'ECONNRESET' && message.includes('before secure TLS connection')) {
    return `${serverOf(way)} closed the connection during the TLS handshake. Check that this port speaks TLS, and that no firewall closes the connection`;
  }
  return undefined;
}

/** OpenSSL's reason in lower case. It is in the message even when the code is only that of a failed write. */
function reasonOf({ code = '', message }: NetworkError): string | undefined {
  const [, reason] = /:SSL routines:[^:]*:([^:]+)/.exec(message) ?? [];
  if (reason !== undefined) return reason.toLowerCase();
  const [, named] = /^ERR_(?:SSL|OSSL)_(.+)$/.exec(code) ?? [];
  return named?.toLowerCase().replaceAll('_', ' ');
}

function plainPort(way: Way): string {
  const { proxy, address } = way;
  const server = `${serverOf(way)} does not speak TLS on this port. Write http:// in ${address}, or the port for TLS`;
  if (proxy?.origin.startsWith('https:') !== true) return server;
  return `the proxy ${proxyName(proxy)} or ${server}, or http:// in ${proxy.setting}`;
}

/** Whether a plain-text request got a TLS alert back (RFC 8446 §6). */
export function speaksTls(error: Error): boolean {
  const { rawPacket, data } = error as { rawPacket?: Uint8Array; data?: string };
  return (rawPacket?.[0] === 0x15 && rawPacket[1] === 0x03) || data?.startsWith('\u0015\u0003') === true;
}

function certificateOf(way: Way): string {
  const { proxy } = way;
  const also = proxy?.origin.startsWith('https:') === true ? ` or of the proxy ${proxyName(proxy)}` : '';
  return `the certificate of ${serverOf(way)}${also}`;
}

/** How many names of a certificate are listed; further ones are only counted. */
const MAX_LISTED_NAMES = 5;

function wrongName(error: Error, way: Way): string {
  const { host, cert } = error as { host?: string; cert?: Partial<PeerCertificate> };
  const wanted = host ?? new URL(way.url).hostname;
  const names = namesOf(cert);
  const set = way.tls.server_name == null ? '' : ` (${way.option('server_name')})`;
  return `${certificateOf(way)} is for ${names}, not for ${wanted}${set}. Set ${way.option('server_name')} to a name that the certificate has, or use such a name in ${way.address}`;
}

/** The names that a certificate has: `a.test, 10.0.0.7 and 3 more`. */
function namesOf(certificate: Partial<PeerCertificate> | undefined): string {
  const alternatives = [
    ...(certificate?.subjectaltname ?? '').matchAll(/(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]+)/g),
  ].map(([, name = '']) => name);
  const subject = certificate?.subject?.CN;
  const all = alternatives.length > 0 || subject === undefined ? alternatives : [subject].flat();
  if (all.length === 0) return 'no name';
  const more = all.length > MAX_LISTED_NAMES ? ` and ${all.length - MAX_LISTED_NAMES} more` : '';
  return `${printable(maskForeign(all.slice(0, MAX_LISTED_NAMES).join(', '))).slice(0, 500)}${more}`;
}

const ABOUT_TLS =
  /\b(plain )?http (request )?(was sent )?to an? (https|ssl-enabled) |client sent an http request to an https server|plain http request was sent to https port|host and port requires tls/i;

/** Whether a response says that its port expects TLS: web servers answer 400, each with its own text. */
export function wantsTls({ status, url, text }: { status: number; url: string; text: string }): boolean {
  return status === 400 && url.startsWith('http:') && ABOUT_TLS.test(text);
}

/** Explains a plain-text request to a TLS port. */
export function explainPlainRequest({ url, address }: Pick<Way, 'url' | 'address'>): string {
  return `${serverOf({ url })} expects TLS on this port, but the request was sent without. Write https:// in ${address}`;
}
