import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findConfig } from '../../src/config/files.ts';
import { loadConfig } from '../../src/config/load.ts';
import { directoryWith, problemsOfLoading, SIEM, TYPES } from './support/configuration.ts';

const OTHER = 'destinations: { other: { endpoint: http://127.0.0.1:4318 } }\nsources: {}\n';
const SOURCES = 'sources: {}\n';

test('--config wins over PENSTOCK_CONFIG, which wins over the working directory', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': SIEM, 'a.yaml': SIEM, 'b.yaml': SIEM });
  const env = { PENSTOCK_CONFIG: join(cwd, 'b.yaml') };

  expect(await findConfig({ file: 'a.yaml', env, cwd })).toBe('a.yaml');
  expect(await findConfig({ file: undefined, env, cwd })).toBe(join(cwd, 'b.yaml'));
  expect(await findConfig({ file: undefined, env: { PENSTOCK_CONFIG: '' }, cwd })).toBe('penstock.yaml');
});

test('a missing file says where it was looked for, and what to do', async () => {
  const cwd = await directoryWith({});

  const problems = await Promise.all([
    problemsOfLoading(loadConfig({ env: {}, types: TYPES, cwd })),
    problemsOfLoading(loadConfig({ file: 'my.yaml', env: {}, types: TYPES, cwd })),
    problemsOfLoading(loadConfig({ env: { PENSTOCK_CONFIG: '/nope.yaml' }, types: TYPES, cwd })),
  ]);

  expect(problems[0]?.[0]).toMatch(
    /^No configuration at penstock\.yaml or \/etc\/penstock\/penstock\.yaml\. Name /,
  );
  expect(problems[1]?.[0]).toBe('There is no file or directory my.yaml (from --config). Check the path.');
  expect(problems[2]?.[0]).toMatch(/^No configuration at \/nope\.yaml \(from PENSTOCK_CONFIG\)\. Name /);
});

test("a directory's YAML files make one configuration; other files and hidden ones are left alone", async () => {
  const cwd = await directoryWith({
    'conf/10-siem.yaml': SIEM,
    'conf/20-sources.yml': 'sources: { a: { type: acme-logins, base_url: https://a.test, token: abcd } }\n',
    'conf/30-more.yaml': 'sources: { b: { type: acme-logins, base_url: https://b.test, token: abcd } }\n',
    'conf/40-log.yaml': 'log: { level: warn }\n',
    'conf/.hidden.yaml': 'nonsense: 1\n',
    'conf/notes.txt': 'nonsense',
  });

  const config = await loadConfig({ file: 'conf', env: {}, types: TYPES, cwd });

  expect(config.sources.map(({ name }) => name)).toEqual(['a', 'b']);
  expect(config.destinations.map(({ name }) => name)).toEqual(['siem']);
  expect(config.log.level).toBe('warn');
  expect(config.file).toBe('conf');
});

test('a source, a destination or a section in two files of a directory names both places', async () => {
  const source = 'sources:\n  a: { type: acme-logins, base_url: https://a.test, token: abcd }\n';
  const cwd = await directoryWith({
    'conf/1.yaml': `${SIEM}${source}log: { level: warn }\n`,
    'conf/2.yaml': `${SIEM}${source}log: { level: warn }\n`,
  });

  const problems = await problemsOfLoading(loadConfig({ file: 'conf', env: {}, types: TYPES, cwd }));

  expect(problems).toEqual([
    'conf/2.yaml:1:17 destinations.siem: duplicate key; it is already set at conf/1.yaml:1:17',
    'conf/2.yaml:3:3 sources.a: duplicate key; it is already set at conf/1.yaml:3:3',
    'conf/2.yaml:4:1 log: duplicate key; it is already set at conf/1.yaml:4:1',
  ]);
});

test('mistakes in several files show together, each with its file', async () => {
  const cwd = await directoryWith({
    'conf/1.yaml': `${SIEM}log: { level: loud }\n`,
    'conf/2.yaml': `${SOURCES}heartbeat: soon\n`,
  });

  const problems = await problemsOfLoading(loadConfig({ file: 'conf', env: {}, types: TYPES, cwd }));

  expect(problems).toEqual([
    'conf/1.yaml:2:15 log.level: expected debug, info, warn or error (got loud)',
    'conf/2.yaml:2:12 heartbeat: expected a duration such as 30s, 5m, 2h or 7d (got soon)',
  ]);
});

test('a directory without YAML files, and a file that is a directory, are errors that say so', async () => {
  const cwd = await directoryWith({ 'empty/readme.txt': '' });
  await mkdir(join(cwd, 'conf', 'odd.yaml'), { recursive: true });

  const empty = await problemsOfLoading(loadConfig({ file: 'empty', env: {}, types: TYPES, cwd }));
  const odd = await problemsOfLoading(loadConfig({ file: 'conf', env: {}, types: TYPES, cwd }));

  expect(empty[0]).toMatch(/^empty contains no \*\.yaml or \*\.yml file\. /);
  expect(odd[0]).toMatch(/^conf cannot be read \(it is a directory\)\. /);
});

test('a named configuration file may have any name', async () => {
  const cwd = await directoryWith({ settings: OTHER });

  const config = await loadConfig({ file: join(cwd, 'settings'), env: {}, types: TYPES, cwd: '/' });

  expect(config.destinations[0]?.name).toBe('other');
});
