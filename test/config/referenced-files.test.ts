import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/types.ts';
import type { Secret } from '../../src/core/secret.ts';
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
    'penstock.yaml:2:74 sources.a.token_file: cannot read /nope: it does not exist',
  ]);
  expect(await problemsOf(SIEM + source('token_file: t'), {}, { t: '\n' })).toEqual([
    'penstock.yaml:2:74 sources.a.token_file: the file t is empty',
  ]);
  expect(await problemsOf(SIEM + source('token: "${file:/nope}"'))).toEqual([
    'penstock.yaml:2:69 sources.a.token: cannot read /nope: it does not exist',
  ]);
});

test('a problem with a file does not show what was filled into its path, since it may be a misplaced secret', async () => {
  const env = { TOKEN: 'hunter2-very-secret', NAME: '../hunter2' };
  const tls = 'tls: { ca_file: "certs/${TOKEN}.pem", cert_file: "${NAME}", key_file: "${file:key}" }';

  const problems = await problemsOf(SIEM + source('token_file: "${TOKEN}", ' + tls), env, {
    key: '-----BEGIN',
  });

  expect(problems).toEqual([
    expect.stringMatching(/ sources\.a\.token_file: cannot read \$\{…\}: it does not exist$/),
    expect.stringMatching(/ sources\.a\.tls\.ca_file: cannot read .*certs\/\$\{…\}\.pem: it does not exist$/),
    expect.stringMatching(/ sources\.a\.tls\.cert_file: cannot read \$\{…\}: it does not exist$/),
    expect.stringMatching(/ sources\.a\.tls\.key_file: cannot read .*\$\{…\}: it does not exist$/),
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
      /^penstock\.yaml:2:\d+ sources\.a\.tls\.key_file: cannot read .*: it does not exist$/,
    ),
  ]);
});

function fixture(name: string): string {
  return readFileSync(new URL(`../http/fixtures/${name}`, import.meta.url), 'utf8');
}

const PASSPHRASE = 'päss # of the key';
const key = createPrivateKey(fixture('client.key'));
const encryption = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE, format: 'pem' } as const;

const FILES = {
  'ca.pem': fixture('ca.pem'),
  'client.pem': fixture('client.pem'),
  'client.key': fixture('client.key'),
  'other.key': fixture('console.key'),
  'encrypted.key': key.export({ type: 'pkcs8', ...encryption }).toString(),
  'old-encrypted.key': key.export({ type: 'sec1', ...encryption }).toString(),
  'rubbish.pem': 'no certificate',
  'damaged.pem': fixture('ca.pem').replace(/^MII.{9}/m, 'MIIAAAAAAAAA'),
  passphrase: `${PASSPHRASE}\n`,
};

const CERTIFIED = 'ca_file: ca.pem, cert_file: client.pem';
const PHRASE = '"${file:passphrase}"';

/** Without what differs between the two sides. */
function bare(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/^.*?\.tls\./, '').replace(/ \/tmp\S*\//, ' '));
}

async function problems(tls: string): Promise<readonly string[]> {
  const source = 'type: acme-logins, base_url: https://acme.test, token: token-of-acme';
  const ofSource = await problemsOf(`${SIEM}sources: { acme: { ${source}, tls: { ${tls} } } }`, {}, FILES);
  const siem = `destinations: { siem: { endpoint: https://siem.test, tls: { ${tls} } } }\n`;
  const ofDestination = await problemsOf(`${siem}sources: { acme: { ${source} } }`, {}, FILES);
  expect(bare(ofSource)).toEqual(bare(ofDestination));
  return bare(ofSource);
}

test.each([
  `${CERTIFIED}, key_file: client.key`,
  `${CERTIFIED}, key_file: encrypted.key, key_passphrase: ${PHRASE}`,
  `${CERTIFIED}, key_file: old-encrypted.key, key_passphrase: ${PHRASE}`,
  `${CERTIFIED}, key_file: client.key, key_passphrase: needless`,
])('files that fit together are right, on both sides: %s', async (tls) => {
  expect(await problems(tls)).toEqual([]);
});

test.each([
  [`${CERTIFIED}, key_file: other.key`, /^key_file: this key does not belong to the certificate/],
  [`${CERTIFIED}, key_file: encrypted.key`, /^key_file: this key is encrypted; set `key_passphrase`/],
  [`${CERTIFIED}, key_file: old-encrypted.key`, /^key_file: this key is encrypted; set `key_passphrase`/],
  [
    `${CERTIFIED}, key_file: encrypted.key, key_passphrase: wrong-one`,
    /^key_passphrase: this passphrase does not decrypt/,
  ],
  [
    `${CERTIFIED}, key_file: old-encrypted.key, key_passphrase: wrong-one`,
    /^key_passphrase: this passphrase does not/,
  ],
  [`${CERTIFIED}, key_file: ca.pem`, /^key_file: the file .* contains no PEM private key/],
  ['ca_file: rubbish.pem', /^ca_file: the file .* contains no valid PEM certificate/],
  ['ca_file: damaged.pem', /^ca_file: the file .* contains no valid PEM certificate/],
  ['ca_file: client.key', /^ca_file: the file .* contains no valid PEM certificate/],
  [
    'cert_file: rubbish.pem, key_file: client.key',
    /^cert_file: the file .* contains no valid PEM certificate/,
  ],
  ['key_passphrase: alone', /^key_passphrase: set `key_file`/],
])('what does not fit is found without a connection, on both sides: %s', async (tls, problem) => {
  const found = await problems(tls);

  expect(found).toEqual([expect.stringMatching(problem)]);
  expect(found.join()).not.toContain('wrong-one');
});

test('what the variables of OTLP name is looked at too', async () => {
  const found = await problemsOf(
    'sources: { acme: { type: acme-logins, base_url: https://acme.test, token: token-of-acme } }',
    {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://siem.test',
      OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: 'client.pem',
      OTEL_EXPORTER_OTLP_CLIENT_KEY: 'other.key',
    },
    FILES,
  );

  expect(found).toEqual([
    expect.stringMatching(/^environment variable OTEL_EXPORTER_OTLP_CLIENT_KEY: this key does not belong to/),
  ]);
});
