import { copyFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TlsConfig } from '../../../src/config/types.ts';
import { StateError } from '../../../src/core/errors.ts';
import { NO_POSTGRES, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { runAsServer, serverDirectory } from '../../support/server-process.ts';
import { connect, placeAt } from '../support/databases.ts';

function fixture(name: string): string {
  return new URL(`../../http/fixtures/${name}`, import.meta.url).pathname;
}

/** A copy that belongs to the user of the server, as it demands of its key. */
async function forServer(name: string): Promise<string> {
  const path = join(await serverDirectory(), name);
  const content = await readFile(fixture(name), 'base64');
  const copy = 'umask 077; printf %s "$1" | base64 -d >"$2"';
  await runAsServer('/bin/sh', ['-c', copy, 'sh', content, path]);
  return path;
}

describe.skipIf(NO_POSTGRES)('TLS to PostgreSQL', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    const [cert, key, ca] = ['localhost.pem', 'localhost.key', 'ca.pem'].map(forServer);
    const files = {
      ssl_cert_file: (await cert) ?? '',
      ssl_key_file: (await key) ?? '',
      ssl_ca_file: (await ca) ?? '',
    };
    server = await startPostgres({ settings: { ssl: 'on', ...files } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** Whether the connection is encrypted, and the common name of the client's certificate. */
  async function shown(tls: TlsConfig, mode: string, at = server): Promise<unknown> {
    await using database = connect(placeAt(`${at.url()}?sslmode=${mode}`, { tls }));
    const [row] = await database.query(
      'SELECT ssl AS encrypted, client_dn AS client FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    return row;
  }

  test('the certificate of the server is verified, and ours is shown', async () => {
    const files = {
      ca_file: fixture('ca.pem'),
      cert_file: fixture('client.pem'),
      key_file: fixture('client.key'),
    };

    expect(await shown(files, 'require')).toEqual({
      encrypted: true,
      client: expect.stringContaining('CN=') as unknown,
    });
    expect(await shown({}, 'disable')).toMatchObject({ encrypted: false });
  });

  test.each([
    ['of an authority unknown to us', {}],
    ['of another authority', { ca_file: fixture('other-ca.pem') }],
    ['for another name', { ca_file: fixture('ca.pem'), server_name: 'db.example.com' }],
  ])('a certificate %s is refused, with what to look at', async (_, tls) => {
    const refused = shown(tls, 'require');

    await expect(refused).rejects.toBeInstanceOf(StateError);
    await expect(refused).rejects.toThrow('state.postgres.tls');
  });

  test('a server without TLS is refused', async () => {
    await using plain = await startPostgres();

    await expect(shown({}, 'require', plain)).rejects.toThrow('does not support SSL connections');
  });

  test('a certificate file is read again for each connection, and a missing one fails only those', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'penstock-tls-'));
    const ca_file = join(directory, 'ca.pem');
    await using database = connect(placeAt(`${server.url()}?sslmode=require`, { tls: { ca_file } }));

    await expect(database.query('SELECT 1')).rejects.toThrow('the file of tls.ca_file cannot be read');
    await copyFile(fixture('ca.pem'), ca_file);

    expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
