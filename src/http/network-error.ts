import { maskForeign } from '../config/secret.ts';
import { explain, UnavailableError } from '../errors.ts';
import { ContentCodingError } from './content-coding.ts';
import { unparsable } from './parse-error.ts';

const AUTHORITY =
  'its certificate is signed by an authority that is not trusted here. Set tls.ca_file to the PEM file of that authority';
const EXPIRED = "its certificate is not valid now. Check this host's clock, and have the certificate renewed";
const RESET =
  'the connection broke before the answer was whole. It passes, unless a firewall on the way cuts it, or the server wants a client certificate (tls.cert_file)';
const UNKNOWN_HOST = 'its host name is not known. Check base_url, and the name servers of this host';
const UNREACHABLE = 'no way leads to it. Check the network, and whether `proxy` must be set';
const PROXY =
  'the proxy did not connect us. Check `proxy` (or HTTP_PROXY, HTTPS_PROXY), its user and its password';

/** What an error code means to an operator, and what to do. Codes of Node, OpenSSL and undici. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused. Check base_url, and that the service is up',
  ECONNRESET: RESET,
  EPIPE: RESET,
  UND_ERR_SOCKET: RESET,
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  UND_ERR_CONNECT_TIMEOUT: UNREACHABLE,
  DEPTH_ZERO_SELF_SIGNED_CERT: AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: AUTHORITY,
  CERT_UNTRUSTED: AUTHORITY,
  CERT_HAS_EXPIRED: EXPIRED,
  CERT_NOT_YET_VALID: EXPIRED,
  ERR_TLS_CERT_ALTNAME_INVALID:
    'its certificate carries another name. Set tls.server_name to the name that it carries',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    'it wants to see a client certificate. Set tls.cert_file and tls.key_file',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE:
    'it broke off the TLS handshake. It may want a client certificate: set tls.cert_file and tls.key_file',
  UND_ERR_PRX_CONN: PROXY,
  UND_ERR_PRX_TLS: PROXY,
  UND_ERR_ABORTED: PROXY,
};

/** Turns what the network threw into an error with the cause in words, and what to do. */
export function networkError(url: string, error: unknown): UnavailableError {
  if (error instanceof ContentCodingError) {
    const { message, cause } = error;
    return new UnavailableError(`No usable answer from ${url}: ${message}`, url, undefined, { cause });
  }
  const known = unparsable(error) ?? WORDS[codeOf(error)];
  if (known !== undefined || !(error instanceof Error)) {
    const words = known ?? 'the exchange failed';
    return new UnavailableError(`No answer from ${url}: ${words}`, url, undefined, { cause: error });
  }
  return new UnavailableError(`No answer from ${url}: ${maskForeign(error.message)}`, url, undefined, {
    cause: error.cause instanceof Error ? new Error(maskForeign(explain(error.cause))) : undefined,
  });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  // The only mark of a proxy's 407 to a plain request.
  if (error.message.startsWith('Proxy Authentication Required')) return 'UND_ERR_PRX_CONN';
  const { code } = error as NodeJS.ErrnoException;
  return code ?? codeOf(error.cause);
}
