import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions, getCACertificates } from 'node:tls';
import type { TlsConfig } from '../config/types.ts';
import { ExplainedError } from './way.ts';

/**
 * The options of a TLS connection, with certificates as their files are now.
 * @throws ExplainedError when a file cannot be read
 */
export function connectionOptions(tls: TlsConfig): ConnectionOptions {
  const { ca_file, cert_file, key_file, key_passphrase } = tls;
  key_passphrase?.refresh();
  return {
    ...verificationOptions(tls),
    ...(ca_file == null ? {} : { ca: [...getCACertificates('default'), read('ca_file', ca_file)] }),
    ...(cert_file == null ? {} : { cert: read('cert_file', cert_file) }),
    ...(key_file == null ? {} : { key: read('key_file', key_file) }),
    ...(key_passphrase == null ? {} : { passphrase: key_passphrase.reveal() }),
  };
}

function read(option: 'ca_file' | 'cert_file' | 'key_file', path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(option, error);
  }
}

/** How the certificate of a server is verified. */
export function verificationOptions({
  server_name: name,
  insecure_skip_verify,
}: TlsConfig): Pick<ConnectionOptions, 'servername' | 'checkServerIdentity' | 'rejectUnauthorized'> {
  return {
    // A server name that is an address may be checked, but not sent (RFC 6066 §3).
    ...(name == null || isIP(name) !== 0 ? {} : { servername: name }),
    ...(name == null ? {} : { checkServerIdentity: (_host, shown) => checkServerIdentity(name, shown) }),
    rejectUnauthorized: insecure_skip_verify !== true,
  };
}

const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
  EISDIR: 'it is a directory',
};

/** An explained error that keeps the code, by which callers distinguish errors. */
function explained(message: string, cause: unknown): Error {
  return Object.assign(new ExplainedError(message), {
    code: (cause as NodeJS.ErrnoException | undefined)?.code,
  });
}

/** The error for a file of `tls` that cannot be read. */
export function unreadable(option: keyof TlsConfig, cause: unknown): Error {
  const why = FILE_PROBLEMS[(cause as NodeJS.ErrnoException).code ?? ''] ?? 'the system reports an error';
  return explained(
    `the file of tls.${option} cannot be read: ${why}. Check its path and its permissions`,
    cause,
  );
}

/** The error for files of `tls` that were read but cannot be used. */
export function unusable(cause: unknown): Error {
  const files = 'tls.ca_file, tls.cert_file and tls.key_file';
  return explained(
    `the files of ${files} do not match each other or tls.key_passphrase, or are not PEM. Replace the wrong one`,
    cause,
  );
}
