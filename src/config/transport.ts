import { z } from 'zod';
import { parseProxy } from './proxies.ts';
import { filePath, password } from './fields.ts';
import { Secret } from '../core/secret.ts';

/** The TLS settings of a connection; shared by sources and destinations. */
export function tls() {
  return z
    .strictObject({
      ca_file: filePath()
        .nullish()
        .describe('PEM file of authorities to trust, besides those that Node knows.'),
      cert_file: filePath().nullish().describe('PEM file of our client certificate.'),
      key_file: filePath().nullish().describe('PEM file of the key to `cert_file`.'),
      key_passphrase: password().nullish().describe('Passphrase of `key_file`, when that is encrypted.'),
      server_name: z
        .string()
        .min(1)
        .nullish()
        .describe('Name that the server’s certificate must carry, when not the host’s.'),
      insecure_skip_verify: z.boolean().default(false).describe('Trust any certificate: for tests only.'),
    })
    .refine(({ cert_file, key_file }) => (cert_file == null) === (key_file == null), {
      error: 'expected `cert_file` and `key_file` together',
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .refine(({ key_file, key_passphrase }) => key_passphrase == null || key_file != null, {
      path: ['key_passphrase'],
      error: 'expected `key_file` beside `key_passphrase`',
      when: ({ value }) => typeof value === 'object' && value !== null,
    })
    .prefault({})
    .describe('TLS of the connection.');
}

const NO_PROXY_URL = 'expected the http:// or https:// URL of a proxy';

/** A proxy's URL; a Secret, because it may hold a password. */
export function proxy() {
  return z
    .string(NO_PROXY_URL)
    .refine((text) => parseProxy(text) !== undefined, NO_PROXY_URL)
    .transform((text) => parseProxy(text)?.url ?? new Secret(text))
    .meta({ writeOnly: true })
    .optional()
    .describe('Proxy for this source, instead of HTTP_PROXY and HTTPS_PROXY.');
}
