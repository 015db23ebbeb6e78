import { readFileSync } from 'node:fs';

function fixture(name: string): string {
  return readFileSync(new URL(`../../http/fixtures/${name}`, import.meta.url), 'utf8');
}

/** Files for a `tls` block: an authority, a client's certificate, and its key. */
export const CERTIFICATES = {
  'ca.pem': fixture('ca.pem'),
  'cert.pem': fixture('client.pem'),
  'key.pem': fixture('client.key'),
};
