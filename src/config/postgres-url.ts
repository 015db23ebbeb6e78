import { maskFromNowOn } from '../core/secret.ts';
import { isLoopback } from '../core/loopback.ts';

/** How a PostgreSQL server is reached. Only `password` may not be printed. */
export interface PostgresAddress {
  /** A name, an address without brackets, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Undefined: the server asks for none, or `pg_hba.conf` knows the user in another way. */
  readonly password: string | undefined;
  /** Whether the connection is encrypted and the certificate of the server is verified. */
  readonly tls: boolean;
}

/** Where PostgreSQL listens by default. */
const PORT = 5432;

const EXAMPLE = 'postgres://penstock:${PGPASSWORD}@db.example.com:5432/penstock';
const ENCODE =
  'Percent-encode the special characters of the password: `@` as %40, `/` as %2F, `#` as %23, `?` as %3F';

/** What `sslmode` of libpq says about encryption. Those that fall back to plain text, or verify nothing, are not offered. */
const SSL_MODES: ReadonlyMap<string, boolean> = new Map([
  ['disable', false],
  ['require', true],
  ['verify-ca', true],
  ['verify-full', true],
]);

/**
 * Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…` (PostgreSQL manual, "Connection URIs"). Without `sslmode`
 * the connection is encrypted unless the server is on this machine. A host that begins with `%2F` is the directory of a
 * Unix socket.
 * The password is masked in all output from now on.
 * @throws Error what is wrong, in words that show nothing of the URL
 */
export function readPostgresUrl(text: string): PostgresAddress {
  const url = URL.parse(text);
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol)) {
    // What follows an unencoded `#` or `/` in a password is no host and no port.
    throw new Error(`expected a URL such as ${EXAMPLE}. ${ENCODE}`);
  }
  const password = url.password === '' ? undefined : decoded(url.password);
  for (const hidden of [url.password, password ?? '']) maskFromNowOn(hidden);
  const database = decoded(url.pathname.slice(1));
  // An unencoded character ends the password early: its rest would be printed as a database, or as a parameter.
  if (/[@/]/.test(database) || url.hash !== '' || url.search.includes('@'))
    throw new Error(`cannot be read. ${ENCODE}`);
  const host = decoded(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  if (host === '') throw new Error(`names no host; write it as in ${EXAMPLE}`);
  if (host.includes(','))
    throw new Error('names several hosts; name one that always leads to the server that accepts writes');
  if (url.username === '') throw new Error(`names no user; write it as in ${EXAMPLE}`);
  if (database === '') throw new Error(`names no database; write it as in ${EXAMPLE}`);
  return {
    host,
    port: Number(url.port) || PORT,
    database,
    user: decoded(url.username),
    password,
    tls: isEncrypted(url.searchParams) ?? !(host.startsWith('/') || isLoopback(host)),
  };
}

/** A server and a database in words: `host:port/database`. */
export function serverOf({ host, port, database }: PostgresAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}/${database}`;
}

/** Undefined: the URL does not say. */
function isEncrypted(parameters: URLSearchParams): boolean | undefined {
  const unknown = [...parameters.keys()].find((name) => name !== 'sslmode');
  if (unknown !== undefined) {
    const named = /^[a-z_]{1,32}$/.test(unknown) ? ` \`${unknown}\`` : '';
    throw new Error(
      `has an unknown parameter${named}; remove it. Only \`sslmode\` is read; certificates are set in \`tls\``,
    );
  }
  const mode = parameters.get('sslmode');
  if (mode === null) return undefined;
  const known = SSL_MODES.get(mode);
  if (known === undefined) {
    throw new Error(
      'has an `sslmode` that may connect without encryption; set `verify-full`, or `disable` where the network is trusted',
    );
  }
  return known;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(`cannot be read. ${ENCODE}`);
  }
}
