import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { mask } from '../../src/core/secret.ts';
import { CERTIFICATES } from './support/certificates.ts';
import { directoryWith, load, problemsOf, SIEM, TYPES } from './support/configuration.ts';

const URL_OF_ANN = 'postgres://ann:s3cret-of-ann@db.test/siem';

function withState(state: string): string {
  return `${SIEM}state: ${state}\nsources: {}\n`;
}

test('a state in PostgreSQL has its schema and lease by default', async () => {
  const { state, replica } = await load(withState('{ postgres: { url: "${DATABASE_URL}" }, retain: 1h }'), {
    DATABASE_URL: URL_OF_ANN,
  });

  expect(state).toMatchObject({
    place: { kind: 'postgres', schema: 'penstock', lease: 15_000, tls: { insecure_skip_verify: false } },
    retain: 3_600_000,
  });
  expect(replica).toBeUndefined();
});

test('schema, lease and the name of the replica are as they are set', async () => {
  const text = `replica: "\${HOSTNAME}"\n${withState(`{ postgres: { url: "${URL_OF_ANN}", schema: siem_2 }, lease: 30s }`)}`;

  const { state, replica } = await load(text, { HOSTNAME: 'penstock-5d9f.east' });

  expect(state.place).toMatchObject({ schema: 'siem_2', lease: 30_000 });
  expect(replica).toBe('penstock-5d9f.east');
});

test('the URL and its password are shown nowhere', async () => {
  const config = await load(
    withState('{ postgres: { url: "postgres://ann:b%C3%A4r%20of%20ann@db.test/siem" } }'),
  );

  expect(inspect(config.state, { depth: null })).not.toMatch(/of.ann|of%20ann/);
  expect(JSON.stringify(config.state)).not.toMatch(/of.ann|of%20ann/);
  expect(mask('refused bär of ann, b%C3%A4r%20of%20ann')).toBe('refused [secret], [secret]');
});

test('the URL is read again from its file, unless what stands there is no URL', async () => {
  const cwd = await directoryWith({
    'penstock.yaml': withState('{ postgres: { url: "${file:url}" } }'),
    url: `${URL_OF_ANN}\n`,
  });
  const { state } = await loadConfig({ env: {}, types: TYPES, cwd });
  if (state.place.kind !== 'postgres') throw new Error('The state is not in PostgreSQL.');
  const { url } = state.place;

  await writeFile(join(cwd, 'url'), 'nonsense');
  expect(url.refresh()).toBe(false);
  await writeFile(join(cwd, 'url'), 'postgres://ann:another-of-ann@db.test/siem');
  expect(url.refresh()).toBe(true);

  expect(url.reveal()).toBe('postgres://ann:another-of-ann@db.test/siem');
  expect(mask('another-of-ann')).toBe('[secret]');
});

test('the files of its certificates are found from the working directory, and must be there', async () => {
  const tls = '{ ca_file: ca.pem, cert_file: cert.pem, key_file: key.pem }';
  const text = withState(`{ postgres: { url: "${URL_OF_ANN}", tls: ${tls} } }`);
  const cwd = await directoryWith({ 'penstock.yaml': text, ...CERTIFICATES });

  const { state } = await loadConfig({ env: {}, types: TYPES, cwd });

  expect(state.place).toMatchObject({ tls: { ca_file: join(cwd, 'ca.pem') } });
  const { 'ca.pem': _, ...others } = CERTIFICATES;
  expect(await problemsOf(text, {}, others)).toEqual([
    expect.stringMatching(/ state\.postgres\.tls\.ca_file: cannot read .*: it does not exist$/),
  ]);
});

test.each([
  [
    `{ path: ./state, postgres: { url: "${URL_OF_ANN}" } }`,
    'state.path: set either `path` or `postgres`, not both',
  ],
  [
    `{ postgres: { url: "${URL_OF_ANN}" }, allow_network_fs: true }`,
    'state.allow_network_fs: is about `path` only',
  ],
  ['{ path: ./state, lease: 15s }', 'state.lease: needs `postgres`'],
  [`{ postgres: { url: "${URL_OF_ANN}" }, lease: 1s }`, 'state.lease: must be at least 3s (got 1s)'],
  [`{ postgres: { url: "${URL_OF_ANN}" }, lease: 1h }`, 'state.lease: must be at most 5m (got 1h)'],
  ['{ postgres: {} }', 'state.postgres.url: missing; expected'],
  ['{ postgres: { url: "postgres://ann:s3cret-of-ann@db.test" } }', 'state.postgres.url: names no database'],
  [
    '{ postgres: { url: "postgres://ann:7/s3cret-of-ann@db.test/siem" } }',
    'state.postgres.url: cannot be read. Percent-encode',
  ],
  [
    '{ postgres: { url: "postgres://ann:s3cret-of-ann@db.test/siem?pool=9" } }',
    'state.postgres.url: has an unknown parameter `pool`',
  ],
  [
    `{ postgres: { url: "${URL_OF_ANN}", schema: Penstock } }`,
    'state.postgres.schema: expected the name of a schema',
  ],
  [
    `{ postgres: { url: "${URL_OF_ANN}", schema: pg_penstock } }`,
    'state.postgres.schema: expected the name of a schema',
  ],
  [
    `{ postgres: { url: "${URL_OF_ANN}", schema: 'a"; DROP TABLE x' } }`,
    'state.postgres.schema: expected the name of a schema',
  ],
  [
    `{ postgres: { url: "${URL_OF_ANN}", scheme: x } }`,
    'state.postgres.scheme: unknown option `scheme`; did you mean `schema`?',
  ],
])('%s is a mistake', async (state, message) => {
  const problems = await problemsOf(withState(state));

  expect(problems).toEqual([expect.stringContaining(message)]);
  expect(problems.join('')).not.toContain('of-ann');
});

test('an environment variable that is not set is the only mistake with a URL made of it', async () => {
  expect(await problemsOf(withState('{ postgres: { url: "${DATABASE_URL}" } }'))).toEqual([
    expect.stringContaining('state.postgres.url: environment variable DATABASE_URL is not set'),
  ]);
});

test.each(['""', 'a b', '-x', 'a/b'])('%s is no name of a replica', async (name) => {
  expect(await problemsOf(`replica: ${name}\n${SIEM}sources: {}\n`)).toEqual([
    expect.stringContaining('replica: expected a name of letters, digits, dots'),
  ]);
});
