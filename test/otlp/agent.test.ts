import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { Secret } from '../../src/core/secret.ts';
import type { TlsConfig } from '../../src/config/types.ts';
import { Sender } from '../../src/otlp/sender.ts';
import { proxy } from '../http/support/proxy.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { destination } from '../deliver/support/events.ts';
import { requestOf } from '../deliver/support/requests.ts';

function fixture(name: string): string {
  return new URL(`../http/fixtures/${name}`, import.meta.url).pathname;
}

const ca_file = fixture('ca.pem');

/** A TLS server that answers with the name in the client's certificate, on a connection for each request. */
async function secure(name: string, options: ServerOptions = {}) {
  const [cert, key] = await Promise.all([readFile(fixture(`${name}.pem`)), readFile(fixture(`${name}.key`))]);
  const server = createServer({ cert, key, ...options }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate();
    response.writeHead(200, { connection: 'close', 'x-client': String(subject?.CN) }).end();
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

function senderTo(url: string, tls: TlsConfig, proxyEnv = {}): Sender {
  return new Sender({ destination: destination(url, { tls }), clock: systemClock, proxyEnv });
}

describe('the certificate of a destination', () => {
  test.each([
    ['of a trusted authority', 'localhost', { ca_file }],
    ['for the name that is set', 'console', { ca_file, server_name: 'console.internal' }],
    ['of anybody, without verification', 'console', { insecure_skip_verify: true }],
  ])('a certificate %s is accepted', async (_what, name, tls) => {
    await using server = await secure(name);
    await using sender = senderTo(server.url, tls);

    const outcome = await sender.send(requestOf([]));

    expect(outcome).toMatchObject({ status: 200 });
  });

  test.each([
    ['of an unknown authority', 'localhost', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['for another name', 'console', { ca_file }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [
      'for a name other than the one set',
      'localhost',
      { ca_file, server_name: 'x.test' },
      'ERR_TLS_CERT_ALTNAME_INVALID',
    ],
  ])('a certificate %s is refused', async (_what, name, tls, code) => {
    await using server = await secure(name);
    await using sender = senderTo(server.url, tls);

    const outcome = await sender.send(requestOf([]));

    expect(outcome).toHaveProperty('error.code', code);
  });
});

test('a client certificate is sent, and one that replaces it is used without a restart', async () => {
  await using directory = await temporaryDirectory();
  const [cert_file, key_file] = [join(directory.path, 'client.pem'), join(directory.path, 'client.key')];
  await using server = await secure('localhost', { ca: await readFile(ca_file), requestCert: true });
  await using sender = senderTo(server.url, { ca_file, cert_file, key_file });

  const before = await sender.send(requestOf([]));
  await copyFile(fixture('client.pem'), cert_file);
  await copyFile(fixture('client.key'), key_file);
  const after = await sender.send(requestOf([]));

  expect(before).toHaveProperty('error.code', 'ENOENT');
  expect(after).toHaveProperty(['headers', 'x-client'], 'penstock');
});

test('a client certificate with an encrypted key is sent', async () => {
  await using directory = await temporaryDirectory();
  const key_file = join(directory.path, 'encrypted.key');
  const key = createPrivateKey(await readFile(fixture('client.key')));
  const encryption = {
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'of-the-key',
  } as const;
  await writeFile(key_file, key.export(encryption));
  await using server = await secure('localhost', { ca: await readFile(ca_file), requestCert: true });
  const tls = {
    ca_file,
    cert_file: fixture('client.pem'),
    key_file,
    key_passphrase: new Secret('of-the-key'),
  };
  await using sender = senderTo(server.url, tls);

  expect(await sender.send(requestOf([]))).toHaveProperty(['headers', 'x-client'], 'penstock');
});

test('a TLS connection goes through a proxy of the environment', async () => {
  await using server = await secure('localhost');
  await using between = await proxy();
  await using sender = senderTo(server.url, { ca_file }, { HTTPS_PROXY: between.url });

  const outcome = await sender.send(requestOf([]));

  expect(outcome).toMatchObject({ status: 200 });
  expect(between.seen).toEqual([`CONNECT ${new URL(server.url).host}`]);
});
