import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { directoryWith, load, problemsOf, problemsOfLoading, SIEM, TYPES } from './support/configuration.ts';

const source = (more: string) => `sources: { a: { type: acme-logins, base_url: https://a.test, ${more} } }\n`;

test('aliases that repeat each other end with one error', async () => {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const below = level === 0 ? '1' : `*l${level - 1}`;
    return `  l${level}: &l${level} [${Array.from({ length: 10 }, () => below).join(', ')}]`;
  });

  const problems = await problemsOf(`${SIEM}sources:\n${levels.join('\n')}\n`);

  expect(problems).toContainEqual(
    expect.stringContaining('more than 200000 values in all files; check for aliases that repeat each other'),
  );
});

test('merges that repeat each other end with one error', async () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const below = level === 0 ? '{}' : `*l${level - 1}`;
    return `  l${level}: &l${level} { <<: [${Array.from({ length: 10 }, () => below).join(', ')}] }`;
  });

  const problems = await problemsOf(`${SIEM}sources:\n${levels.join('\n')}\n`);

  expect(problems).toContainEqual(expect.stringContaining('check for aliases that repeat each other'));
});

test('endless nesting is an error', async () => {
  for (const hostile of [`a: ${'['.repeat(100_000)}`, `a: ${'{b: '.repeat(100_000)}`, '- '.repeat(100_000)])
    expect(await problemsOf(hostile)).toEqual([expect.stringContaining('nested deeper than 1000 levels')]);
  expect(await problemsOf(`${SIEM}sources: ${'['.repeat(200)}${']'.repeat(200)}\n`)).toContainEqual(
    expect.stringContaining('nested deeper than 50 levels'),
  );
});

test.each([
  'token_file: /dev/zero',
  'token: "${file:/dev/zero}"',
  'token_file: pipe',
  'token: "${file:pipe}"',
])('a secret that is not a regular file is an error: %s', async (option) => {
  const cwd = await directoryWith({ 'penstock.yaml': SIEM + source(option) });
  execFileSync('mkfifo', [join(cwd, 'pipe')]);

  const problems = await problemsOfLoading(loadConfig({ env: {}, types: TYPES, cwd }));

  expect(problems).toEqual([expect.stringContaining('it is not a regular file')]);
});

test('a certificate that is not a regular file is an error', async () => {
  expect(await problemsOf(SIEM + source('token: token-of-a, tls: { ca_file: /dev/zero }'))).toEqual([
    expect.stringContaining('cannot read /dev/zero: it is not a regular file'),
  ]);
});

test('a configuration that is a device, too large or not UTF-8 is refused', async () => {
  const cwd = await directoryWith({ 'large.yaml': `x-a: ${'a'.repeat(5 * 1024 * 1024)}\n` });
  const problemsAt = (file: string) => problemsOfLoading(loadConfig({ file, env: {}, types: TYPES, cwd }));

  expect(await problemsAt('/dev/zero')).toEqual([expect.stringContaining('it is not a regular file')]);
  expect(await problemsAt('large.yaml')).toEqual([expect.stringContaining('larger than 2048 KiB')]);
  execFileSync('sh', ['-c', "printf '\\377\\376x' > utf16.yaml"], { cwd });
  expect(await problemsAt('utf16.yaml')).toEqual([expect.stringContaining('not valid UTF-8')]);
});

test('a byte order mark before the configuration does no harm', async () => {
  const config = await load(`\uFEFF${SIEM}${source('token: token-of-a')}`);

  expect(config.sources).toHaveLength(1);
});

test('a very long list is read', async () => {
  const ids = Array.from({ length: 100_000 }, (_, index) => `tenant-${index}`);

  const config = await load(
    `${SIEM}sources: { a: { type: acme-tenants, token: token-of-a, tenants: [${ids.join(', ')}] } }\n`,
  );

  expect(config.sources[0]?.options).toMatchObject({
    tenants: { only: expect.objectContaining({ length: 100_000 }) },
  });
});

test('more values than can be parsed in time are an error', async () => {
  expect(await problemsOf(`${SIEM}x-a: [${'1,'.repeat(300_000)}]\n`)).toEqual([
    expect.stringContaining('more than 200000 values'),
  ]);
});

test('many brackets that are closed, or within quotes, are not nesting', async () => {
  const lists = Array.from({ length: 2000 }, () => '[ "[[", { a: b } ]').join(', ');

  const config = await load(`${SIEM}${source('token: token-of-a')}x-lists: [${lists}]\n`);

  expect(config.sources).toHaveLength(1);
});

test('thousands of sources are compared quickly', async () => {
  const blocks = Array.from({ length: 3000 }, (_, index) => {
    const part = index === 2999 ? 'p7' : `p${index}`;
    return `  s${index}: { <<: *s, project_ids: [${part}], tenants: [t] }\n`;
  });

  const problems = await problemsOf(
    `${SIEM}x-s: &s { type: acme-tenants, token: token-of-s }\nsources:\n${blocks.join('')}`,
  );

  expect(problems).toEqual([expect.stringContaining('`s2999` reads the same data as `s7`')]);
});

test('~ is the home directory in every path', async () => {
  const config = await load(`${SIEM}state: { path: ~/state }\nsources: {}\n`);

  expect(config.state.place).toMatchObject({ path: join(homedir(), 'state') });
  expect(await problemsOf(SIEM + source('token_file: ~/no/such/token'))).toEqual([
    expect.stringContaining('it does not exist'),
  ]);
  expect(await problemsOf(SIEM + source('token: token-of-a, tls: { ca_file: ~/no/such/ca.pem }'))).toEqual([
    expect.stringContaining(`cannot read ${homedir()}/no/such/ca.pem: it does not exist`),
  ]);
  expect(await problemsOf(`${SIEM}state: { path: ~ann/state }\nsources: {}\n`)).toEqual([
    expect.stringContaining('only ~/ is expanded'),
  ]);
});
