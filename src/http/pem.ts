import type { TlsConfig } from '../config/types.ts';
import { OwnWords } from './network-error.ts';

const FILES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'its permissions do not allow it',
  EPERM: 'its permissions do not allow it',
  EISDIR: 'it is a directory',
};

/** An error in our words that keeps the code, by which callers tell errors apart. */
function inWords(message: string, cause: unknown): Error {
  return Object.assign(new OwnWords(message), { code: (cause as NodeJS.ErrnoException | undefined)?.code });
}

/** That a file of `tls` cannot be read. */
export function unreadable(option: keyof TlsConfig, cause: unknown): Error {
  const why = FILES[(cause as NodeJS.ErrnoException).code ?? ''] ?? 'the system reports an error';
  return inWords(
    `the file of tls.${option} cannot be read: ${why}. Check its path and its permissions`,
    cause,
  );
}

/** That the files of `tls` were read and are of no use. */
export function unusable(cause: unknown): Error {
  const files = 'tls.ca_file, tls.cert_file and tls.key_file';
  return inWords(
    `the files of ${files} do not match each other or tls.key_passphrase, or are not PEM. Replace the one that is wrong`,
    cause,
  );
}
