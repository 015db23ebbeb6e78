import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import type { ConfigError } from '../../../src/core/errors.ts';
import { compileDefinition } from '../../../src/sources/_declarative/compile.ts';
import { temporaryDirectory } from '../../support/temporary.ts';
import { definition } from './lab.ts';

const TEXT = definition({
  cursor: '{ snapshot: {} }',
  auth: '{ oauth2: { token_url: /token, client_id: c, key: { file: key_file, id: "7" } } }',
  options: '{ key_file: { type: file, required: true } }',
});

async function load(keyFile: string) {
  await using directory = await temporaryDirectory();
  await mkdir(join(directory.path, 'etc/keys'), { recursive: true });
  await writeFile(join(directory.path, 'etc/keys/key.pem'), 'any');
  const source = `{ type: sample, base_url: https://api.example.com, key_file: ${keyFile} }`;
  await writeFile(
    join(directory.path, 'etc/penstock.yaml'),
    `destinations: { siem: { endpoint: https://siem.example.com } }\nsources: { one: ${source} }\n`,
  );
  const types = new Map([['sample', compileDefinition(TEXT, 'sample')]]);
  const loaded = loadConfig({ file: 'etc/penstock.yaml', env: {}, types, cwd: directory.path });
  return { directory: directory.path, outcome: await loaded.catch((error: Error) => error) };
}

it('a file option is relative to the configuration file', async () => {
  const { directory, outcome } = await load('keys/key.pem');

  expect(outcome).toMatchObject({
    sources: [{ options: { key_file: join(directory, 'etc/keys/key.pem') } }],
  });
});

it('a file option that names no file is a mistake at its place', async () => {
  const { directory, outcome } = await load('keys/other.pem');

  expect((outcome as ConfigError).problems).toEqual([
    expect.stringContaining(
      `etc/penstock.yaml:2:78 sources.one.key_file: cannot read ${directory}/etc/keys/other.pem`,
    ),
  ]);
});

it('a definition reads no file and no environment variable', () => {
  const text = definition({ cursor: '{ snapshot: {} }', title: '"${HOME} ${file:/etc/hostname}"' });

  expect(compileDefinition(text, 'sample').title).toBe('${HOME} ${file:/etc/hostname}');
});
