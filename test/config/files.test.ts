import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Secret } from '../../src/core/secret.ts';
import type { Config } from '../../src/config/types.ts';
import { CERTIFICATES } from './support/certificates.ts';
import { directoryWith, problemsOf, SIEM, TYPES } from './support/configuration.ts';

const source = (more: string) => `sources: { a: { type: acme-logins, base_url: https://a.test, ${more} } }\n`;

function tokenOf(config: Config): Secret {
  const { token } = (config.sources[0]?.options ?? {}) as { token?: Secret };
  if (token === undefined) throw new Error('The source has no token.');
  return token;
}

test.each(['token_file: secrets/token', 'token: "${file:secrets/token}"'])(
  'a token by %s is read without its newlines, and again when its file is replaced',
  async (option) => {
    const cwd = await directoryWith({
      'penstock.yaml': SIEM + source(option),
      'secrets/token': 'first-token\n\n',
    });
    const token = tokenOf(await loadConfig({ env: {}, types: TYPES, cwd }));

    const before = token.reveal();
    const unchanged = token.refresh();
    await writeFile(join(cwd, 'new'), 'second-token\r\n');
    await rename(join(cwd, 'new'), join(cwd, 'secrets/token'));
    const changed = token.refresh();

    expect([before, unchanged, changed, token.reveal()]).toEqual([
      'first-token',
      false,
      true,
      'second-token',
    ]);
  },
);

test('a token whose file is gone, or empty, keeps its last value', async () => {
  const cwd = await directoryWith({
    'penstock.yaml': SIEM + source('token_file: token'),
    token: 'first-token',
  });
  const token = tokenOf(await loadConfig({ env: {}, types: TYPES, cwd }));

  await writeFile(join(cwd, 'token'), '\n');
  const emptied = token.refresh();
  await rm(join(cwd, 'token'));
  const removed = token.refresh();

  expect([emptied, removed, token.reveal()]).toEqual([false, false, 'first-token']);
});

test('a header with a secret file in it is read again whole', async () => {
  const cwd = await directoryWith({
    'penstock.yaml': `destinations:
  siem: { endpoint: http://127.0.0.1:4318, headers: { authorization: "Bearer \${file:token} \${MORE}" } }
sources: {}
`,
    token: 'first-token\n',
  });
  const config = await loadConfig({ env: { MORE: 'more' }, types: TYPES, cwd });
  const header = config.destinations[0]?.headers['authorization'];

  await writeFile(join(cwd, 'token'), 'second-token\n');
  header?.refresh();

  expect(header?.reveal()).toBe('Bearer second-token more');
});

test('a secret file that is missing or empty is a mistake at its place', async () => {
  expect(await problemsOf(SIEM + source('token_file: /nope'))).toEqual([
    'penstock.yaml:2:74 sources.a.token_file: expected a readable file at /nope (it does not exist)',
  ]);
  expect(await problemsOf(SIEM + source('token_file: t'), {}, { t: '\n' })).toEqual([
    'penstock.yaml:2:74 sources.a.token_file: expected a value in the file t, which is empty',
  ]);
  expect(await problemsOf(SIEM + source('token: "${file:/nope}"'))).toEqual([
    'penstock.yaml:2:69 sources.a.token: expected a readable file at /nope (it does not exist)',
  ]);
});

test('files of certificates are found from the working directory, and must be there', async () => {
  const tls = 'tls: { ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem }';
  const text = SIEM + source(`token: abcd, ${tls}`);
  const cwd = await directoryWith({ 'penstock.yaml': text, ...CERTIFICATES });

  const config = await loadConfig({ env: {}, types: TYPES, cwd });
  const { 'key.pem': _, ...others } = CERTIFICATES;
  const problems = await problemsOf(text, {}, others);

  expect(config.sources[0]?.options).toMatchObject({
    tls: { ca_file: join(cwd, 'ca.pem'), cert_file: join(cwd, 'cert.pem'), key_file: join(cwd, 'key.pem') },
  });
  expect(problems).toEqual([
    expect.stringMatching(
      /^penstock\.yaml:2:\d+ sources\.a\.tls\.key_file: expected a readable file at .* \(it does not exist\)$/,
    ),
  ]);
});
