import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UnauthorisedError } from '../../core/errors.ts';

/** A private key to sign assertions with. */
export interface SigningKey {
  readonly key: webcrypto.CryptoKey;
  /** As `alg` of a JWT (RFC 7518 §3.1). */
  readonly alg: string;
}

interface Algorithm {
  readonly alg: string;
  readonly key: webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams;
  readonly signing: webcrypto.RsaPssParams | webcrypto.EcdsaParams | { readonly name: string };
}

const RS256: Algorithm = {
  alg: 'RS256',
  key: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  signing: { name: 'RSASSA-PKCS1-v1_5' },
};
const PS256: Algorithm = {
  alg: 'PS256',
  key: { name: 'RSA-PSS', hash: 'SHA-256' },
  signing: { name: 'RSA-PSS', saltLength: 32 },
};
const ES256: Algorithm = {
  alg: 'ES256',
  key: { name: 'ECDSA', namedCurve: 'P-256' },
  signing: { name: 'ECDSA', hash: 'SHA-256' },
};
const ALGORITHMS = [RS256, PS256, ES256];

/** A PEM file that is read before every use, so that a renewed one needs no restart. */
export class PemFile {
  readonly #path: string;
  readonly #setting: string;
  /** What was read last: a secret mount is absent for a moment while it is replaced. */
  #last: string | undefined;

  /** `setting`: the name of the option that holds the path. */
  constructor(path: string, setting: string) {
    this.#path = path;
    this.#setting = setting;
  }

  /** The key in the file: RSA (RS256, or PS256 with `pss`) or EC on P-256 (ES256). @throws UnauthorisedError */
  async signingKey(pss: boolean, url: string): Promise<SigningKey> {
    const pem = await this.#read(url);
    try {
      const key = createPrivateKey(pem);
      const algorithm = algorithmOf(key, pss);
      if (algorithm === undefined) throw new TypeError('The type of the key is not supported');
      return { key: key.toCryptoKey(algorithm.key, false, ['sign']), alg: algorithm.alg };
    } catch {
      // What the library says may hold a part of the file.
      throw this.#problem(
        'holds no private key in PEM that can sign (RSA, or EC on P-256, not encrypted)',
        url,
      );
    }
  }

  /** The SHA-256 thumbprint of the certificate in the file, in base64url (`x5t#S256`, RFC 7515 §4.1.8). */
  async thumbprint(url: string): Promise<string> {
    const pem = await this.#read(url);
    try {
      const { fingerprint256 } = new X509Certificate(pem);
      return Buffer.from(fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
    } catch {
      throw this.#problem('holds no certificate in PEM', url);
    }
  }

  async #read(url: string): Promise<string> {
    try {
      this.#last = await readFile(this.#path, 'utf8');
    } catch {
      if (this.#last === undefined) throw this.#problem('cannot be read', url);
    }
    return this.#last;
  }

  /** Counts as a rejected credential, because nobody but the operator can change it. */
  #problem(what: string, url: string): UnauthorisedError {
    const message = `No token of ${url} can be requested: the file of ${this.#setting} ${what}. Replace it, or correct its path and permissions.`;
    return new UnauthorisedError(message, url, 401);
  }
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails }: KeyObject, pss: boolean) {
  if (type === 'rsa') return pss ? PS256 : RS256;
  return type === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1' ? ES256 : undefined;
}

/** A signed JWT (RFC 7515 §7.1). */
export async function signedJwt(
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  { key, alg }: SigningKey,
): Promise<string> {
  const input = `${encoded({ alg, typ: 'JWT', ...header })}.${encoded(claims)}`;
  const signing = ALGORITHMS.find((one) => one.alg === alg)?.signing ?? RS256.signing;
  const signature = await webcrypto.subtle.sign(signing, key, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
