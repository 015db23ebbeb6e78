import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readRegularFile } from './regular-file.ts';

/** Absolute paths, and the passphrase in clear. */
interface TlsFiles {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
  readonly key_passphrase?: string | undefined;
}

interface TlsProblem {
  readonly option: keyof TlsFiles;
  /** Begins with `expected`. */
  readonly message: string;
}

const CERTIFICATE =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----.*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/gs;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;
/** PKCS #8, and OpenSSL's own older form. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED/m;

/** What is wrong with the files of a `tls` block, without a connection. That a file cannot be read is told elsewhere. */
export function tlsProblems(files: TlsFiles): readonly TlsProblem[] {
  const problems: TlsProblem[] = [];
  const certificatesIn = (option: 'ca_file' | 'cert_file') => {
    const text = textOf(files[option]);
    const found = text === undefined ? undefined : certificates(text);
    if (text !== undefined && found === undefined) {
      problems.push({ option, message: `expected PEM certificates in the file ${files[option]}` });
    }
    return found;
  };
  certificatesIn('ca_file');
  const certificate = certificatesIn('cert_file')?.[0];
  const key = privateKey(files);
  if (key !== undefined && 'option' in key) problems.push(key);
  else if (key !== undefined && certificate !== undefined && !certificate.checkPrivateKey(key)) {
    problems.push({
      option: 'key_file',
      message: 'expected the key to the certificate in `cert_file`, not another one',
    });
  }
  return problems;
}

/** Undefined when there is none, or one of them is damaged. */
function certificates(text: string): X509Certificate[] | undefined {
  const blocks = text.match(CERTIFICATE) ?? [];
  try {
    return blocks.length === 0 ? undefined : blocks.map((block) => new X509Certificate(block));
  } catch {
    return undefined;
  }
}

function privateKey({ key_file, key_passphrase: passphrase }: TlsFiles): KeyObject | TlsProblem | undefined {
  const key = textOf(key_file);
  if (key === undefined) return undefined;
  if (!PRIVATE_KEY.test(key)) {
    return { option: 'key_file', message: `expected a PEM private key in the file ${key_file}` };
  }
  const isEncrypted = ENCRYPTED.test(key);
  if (isEncrypted && passphrase === undefined) {
    return {
      option: 'key_file',
      message: 'expected `key_passphrase` beside it, since this key is encrypted',
    };
  }
  try {
    return createPrivateKey({ key, ...(isEncrypted ? { passphrase } : {}) });
  } catch {
    // OpenSSL's words say no more than that the padding was wrong.
    return isEncrypted
      ? {
          option: 'key_passphrase',
          message: 'expected the passphrase of the key in `key_file`, not another one',
        }
      : { option: 'key_file', message: `expected a PEM private key in the file ${key_file}, undamaged` };
  }
}

function textOf(file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readRegularFile(file).toString('utf8');
  } catch {
    return undefined;
  }
}
