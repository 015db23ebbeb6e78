import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { problemsOf, SIEM } from './support/configuration.ts';

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
  [`${CERTIFIED}, key_file: other.key`, /^key_file: expected the key to the certificate/],
  [`${CERTIFIED}, key_file: encrypted.key`, /^key_file: expected `key_passphrase`/],
  [`${CERTIFIED}, key_file: old-encrypted.key`, /^key_file: expected `key_passphrase`/],
  [
    `${CERTIFIED}, key_file: encrypted.key, key_passphrase: wrong-one`,
    /^key_passphrase: expected the passphrase/,
  ],
  [
    `${CERTIFIED}, key_file: old-encrypted.key, key_passphrase: wrong-one`,
    /^key_passphrase: expected the pass/,
  ],
  [`${CERTIFIED}, key_file: ca.pem`, /^key_file: expected a PEM private key/],
  ['ca_file: rubbish.pem', /^ca_file: expected PEM certificates/],
  ['ca_file: damaged.pem', /^ca_file: expected PEM certificates/],
  ['ca_file: client.key', /^ca_file: expected PEM certificates/],
  ['cert_file: rubbish.pem, key_file: client.key', /^cert_file: expected PEM certificates/],
  ['key_passphrase: alone', /^key_passphrase: expected `key_file`/],
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
    expect.stringMatching(/^environment variable OTEL_EXPORTER_OTLP_CLIENT_KEY: expected the key to/),
  ]);
});
