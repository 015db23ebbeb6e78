import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/core/secret.ts';
import { explain, UnavailableError } from '../../src/core/errors.ts';
import { oauth2 } from '../../src/http/auth/oauth2.ts';
import type { HttpSettings } from '../../src/http/settings.ts';
import { failure, rig } from './support/rig.ts';

const ca_file = fixture('ca.pem');

function fixture(name: string): string {
  return new URL(`fixtures/${name}`, import.meta.url).pathname;
}

/** A TLS server that answers with the common name of the client's certificate, or with `body`. */
async function secure(name: string, options: ServerOptions = {}, body?: unknown) {
  const [cert, key] = await Promise.all([readFile(fixture(`${name}.pem`)), readFile(fixture(`${name}.key`))]);
  const server = createServer({ cert, key, ...options }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.end(JSON.stringify(body ?? { client: subject?.CN ?? null }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function ask(url: string, tls: HttpSettings['options']['tls']): Promise<unknown> {
  await using http = (await rig(url, { options: { tls, retries: 0 } })).http;
  return (await http.get({ path: '/x', route: 'x' })).json();
}

describe('server certificates', () => {
  test('a certificate of a trusted authority for this address is accepted', async () => {
    await using server = await secure('localhost');

    expect(await ask(server.url, { ca_file })).toEqual({ client: null });
  });

  test.each([
    ['of an authority unknown to us', 'localhost', undefined, /tls\.ca_file/],
    ['of another authority', 'localhost', { ca_file: fixture('other-ca.pem') }, /tls\.ca_file/],
    ['for another name', 'console', { ca_file }, /tls\.server_name/],
    [
      'for a name other than the one set',
      'console',
      { ca_file, server_name: 'x.internal' },
      /tls\.server_name/,
    ],
  ])('%s is rejected, and the error says what to set', async (_what, name, tls, advice) => {
    await using server = await secure(name);

    const error = await failure(ask(server.url, tls));

    expect(error).toBeInstanceOf(UnavailableError);
    expect(error.message).toMatch(advice);
  });

  test('a certificate for tls.server_name is accepted', async () => {
    await using server = await secure('console');

    expect(await ask(server.url, { ca_file, server_name: 'console.internal' })).toEqual({ client: null });
  });

  test('any certificate is accepted without verification, which is logged as a warning', async () => {
    await using server = await secure('console');
    const { http, lines } = await rig(server.url, { options: { tls: { insecure_skip_verify: true } } });

    const answer = await http.get({ path: '/x', route: 'x' });

    expect(answer.status).toBe(200);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 40, msg: expect.stringContaining('not verified') as string });
    await http[Symbol.asyncDispose]();
  });
});

describe('client certificates', () => {
  const client = { cert_file: fixture('client.pem'), key_file: fixture('client.key') };

  test('a client certificate is sent to a server that requires one', async () => {
    const ca = await readFile(ca_file);
    await using server = await secure('localhost', { ca, requestCert: true, rejectUnauthorized: true });

    expect(await ask(server.url, { ca_file, ...client })).toEqual({ client: 'penstock' });
  });

  test('a client certificate with an encrypted key is sent too', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'penstock-tls-'));
    const key_file = join(folder, 'encrypted.key');
    const key = createPrivateKey(await readFile(client.key_file));
    const encryption = {
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'of-the-key',
    } as const;
    await writeFile(key_file, key.export(encryption));
    const ca = await readFile(ca_file);
    await using server = await secure('localhost', { ca, requestCert: true, rejectUnauthorized: true });
    const tls = { ca_file, ...client, key_file, key_passphrase: new Secret('of-the-key') };

    expect(await ask(server.url, tls)).toEqual({ client: 'penstock' });
  });

  test('a missing client certificate is named in the error', async () => {
    const ca = await readFile(ca_file);
    await using server = await secure('localhost', { ca, requestCert: true, rejectUnauthorized: true });

    const error = await failure(ask(server.url, { ca_file }));

    expect(error).toBeInstanceOf(UnavailableError);
    expect(explain(error)).toMatch(/certificate/);
  });
});

describe('the files', () => {
  test('the files are read again, so that a renewed certificate needs no restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'penstock-tls-'));
    const file = join(folder, 'ca.pem');
    await copyFile(fixture('other-ca.pem'), file);
    await using server = await secure('localhost');
    await using http = (await rig(server.url, { options: { tls: { ca_file: file }, retries: 0 } })).http;

    const before = await failure(http.get({ path: '/x', route: 'x' }));
    await copyFile(ca_file, file);
    const after = await http.get({ path: '/x', route: 'x' });

    expect(before.message).toContain('tls.ca_file');
    expect(after.status).toBe(200);
  });

  test('files that cannot be read or used are named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'penstock-tls-'));
    const rubbish = join(folder, 'rubbish.pem');
    await writeFile(rubbish, 'no certificate');

    const missing = await failure(ask('https://127.0.0.1:1', { ca_file: join(folder, 'missing.pem') }));
    const unusable = await failure(ask('https://127.0.0.1:1', { cert_file: rubbish, key_file: rubbish }));
    const useless = await failure(ask('https://127.0.0.1:1', { ca_file: rubbish }));

    expect(explain(missing)).toMatch(/tls\.ca_file cannot be read: it does not exist/);
    expect(explain(unusable)).toMatch(/tls\.cert_file/);
    expect(explain(useless)).toMatch(/tls\.ca_file/);
  });
});

describe('other origins than that of base_url', () => {
  const tls = {
    ca_file,
    server_name: 'console.internal',
    cert_file: fixture('client.pem'),
    key_file: fixture('client.key'),
  };

  test.each([
    ['with the credential', true, 'penstock'],
    ['without the credential', false, null],
  ])(
    '%s, the authority counts, the server name does not, and our certificate is shown where the credential goes',
    async (_how, credential, shown) => {
      const options = { ca: await readFile(ca_file), requestCert: true, rejectUnauthorized: false };
      await using home = await secure('console', options);
      await using other = await secure('localhost', options);
      await using http = (await rig(home.url, { options: { tls, retries: 0 } })).http;

      const first = await http.get({ path: '/x', route: 'x' });
      const origins = [{ origin: other.url, credential }];
      const second = await http.get({ url: `${other.url}/next`, origins, route: 'x' });

      expect([first.json(), second.json()]).toEqual([{ client: 'penstock' }, { client: shown }]);
    },
  );

  test('a token endpoint on another host is verified by its own name', async () => {
    const token = { access_token: 'token-over-tls' };
    await using home = await secure('console');
    await using endpoint = await secure('localhost', {}, token);
    const client = { id: () => 'us', proof: { by: 'post' as const, secret: () => 'secret-over-tls' } };
    const authentication = oauth2({ tokenUrl: `${endpoint.url}/token`, client, identity: () => ({}) });
    const settings = { authorise: () => authentication, options: { tls, retries: 0 } };
    await using http = (await rig(home.url, settings)).http;

    expect((await http.get({ path: '/x', route: 'x' })).json()).toEqual({ client: null });
  });
});
