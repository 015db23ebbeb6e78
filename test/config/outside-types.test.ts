import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { loadNamedTypes } from '../../src/config/named-types.ts';
import type { Config } from '../../src/config/types.ts';
import { loadType } from '../../src/sources/registry.ts';
import { ACME } from '../sources/_declarative/definitions.ts';
import { directoryWith, problemsOfLoading, SIEM, TYPES } from './support/configuration.ts';

const SOURCE = 'sources: { console: { type: acme-audit, token: token-of-acme, organisation: acme } }\n';
const FOLDER = 'types/acme-audit/source.yaml';

type Files = Readonly<Record<string, string>>;

async function load(types: string, files: Files, env: Files = {}): Promise<Config> {
  const cwd = await directoryWith({ ...files, 'conf/penstock.yaml': `types: ${types}\n${SIEM}${SOURCE}` });
  return loadConfig({ file: 'conf/penstock.yaml', env, types: TYPES, loadType, cwd });
}

function problemsOf(types: string, files: Files = {}, env: Files = {}): Promise<readonly string[]> {
  return problemsOfLoading(load(types, files, env));
}

describe('types', () => {
  it.each([
    ['a folder', './acme-audit', 'conf/acme-audit/source.yaml'],
    ['a folder above', '../types/acme-audit', FOLDER],
    ['a folder, with a slash', '../types/acme-audit/', FOLDER],
    ['a file', './acme-audit.source.yaml', 'conf/acme-audit.source.yaml'],
    ['a file without ./', 'acme-audit.source.yaml', 'conf/acme-audit.source.yaml'],
    ['a folder named by a variable', '"${TYPES}/acme-audit"', FOLDER],
    ['a package with a definition', 'acme-source', 'conf/node_modules/acme-source/source.yaml'],
    ['a package installed above', '"@acme/source"', 'node_modules/@acme/source/source.yaml'],
  ])('%s is relative to the file that names it', async (_, name, file) => {
    const packages = { [`${dirname(file)}/package.json`]: '{}' };
    const files = { [file]: ACME, ...(file.includes('node_modules') && packages) };

    const config = await load(`[${name}]`, files, { TYPES: '../types' });

    expect(config.sources).toMatchObject([
      { name: 'console', definition: { id: 'acme-audit', dataset: 'acme.audit' } },
    ]);
  });

  it('each file of a directory names types relative to itself, and none that no file names is loaded', async () => {
    const cwd = await directoryWith({
      'conf/a.yaml': 'types: [./types/acme-audit]\n',
      'conf/b.yaml': SIEM + SOURCE,
      'conf/types/acme-audit/source.yaml': ACME,
      'conf/types/broken/source.yaml': 'id: [',
    });

    const { sources } = await loadConfig({ file: 'conf', env: {}, types: TYPES, loadType, cwd });

    expect(sources.map(({ definition }) => definition.id)).toEqual(['acme-audit']);
  });

  it('every mistake in every definition is reported with its place, beside those of the configuration', async () => {
    const files = {
      [FOLDER]: ACME.replace('records: data', 'recods: data'),
      'types/other.source.yaml': ACME.replace('acme-audit', 'other').replace('actor.ip', '"actor["'),
    };

    const problems = await problemsOf('[../types/acme-audit, ../types/other.source.yaml, ./nope]', files);

    expect(problems).toEqual([
      'conf/penstock.yaml:1:58 types[2]: cannot read conf/nope: it does not exist',
      'types/acme-audit/source.yaml:30:1 recods: unknown option `recods`; did you mean `records`?',
      expect.stringMatching(/^types\/other\.source\.yaml:\d+:\d+ map\.source\.ip: /),
    ]);
  });

  it.each<[string, string, Files, RegExp]>([
    ['an empty folder', '[./empty]', { 'conf/empty/x': '' }, /\.\/empty holds no source\.yaml, index\.ts or/],
    [
      'a folder with two sources',
      '[../types/acme-audit]',
      { [FOLDER]: ACME, 'types/acme-audit/index.js': '' },
      /holds source\.yaml and index\.js\. Remove all but one/,
    ],
    [
      'another name than its id',
      '[./acme]',
      { 'conf/acme/source.yaml': ACME },
      /\.\/acme has the id `acme-audit`; its folder must be named acme-audit, or its id be `acme`/,
    ],
    [
      'another name of its file',
      '[./acme.source.yaml]',
      { 'conf/acme.source.yaml': ACME },
      /its file must be named acme-audit\.source\.yaml/,
    ],
    [
      'the id of a shipped type',
      '[./acme-logins]',
      { 'conf/acme-logins/source.yaml': ACME.replace('acme-audit', 'acme-logins') },
      /\.\/acme-logins has the id `acme-logins`, which a built-in source type has; give it another id/,
    ],
    [
      'an id twice',
      '[../types/acme-audit, ./acme-audit.source.yaml]',
      { [FOLDER]: ACME, 'conf/acme-audit.source.yaml': ACME },
      /^conf\/penstock\.yaml:1:\d+ types\[1\]: .* which \.\.\/types\/acme-audit has as well; remove one/,
    ],
    ['another file', '[./x.yaml]', { 'conf/x.yaml': ACME }, /neither a folder nor an ID\.source\.yaml/],
    [
      'a package that is absent',
      '["@acme/none"]',
      {},
      /package @acme\/none is not installed in .*npm install/,
    ],
    [
      'a folder without ./',
      '[acme-audit]',
      { 'conf/acme-audit/source.yaml': ACME },
      /For the folder beside this file, write \.\/acme-audit/,
    ],
    ['no text', '[7]', {}, /types\[0\]: expected text/],
    ['no list', './acme-audit', {}, /types: expected a list of folders, files and packages/],
    [
      'an id that no id may be',
      '[./Acme]',
      { 'conf/Acme/source.yaml': ACME.replace('acme-audit', 'Acme') },
      /id/,
    ],
  ])('%s is an error that names it', async (_, types, files, problem) => {
    const problems = await problemsOf(types, files);

    expect(problems.filter((line) => problem.test(line))).toHaveLength(1);
    expect(problems.filter((line) => line.includes('unknown source type')).length).toBeLessThan(2);
  });

  it('a text that was filled in is not printed, since it may be a secret in the wrong place', async () => {
    const problems = await problemsOf('["${TOKEN}"]', {}, { TOKEN: 'a-secret-in-the-wrong-place' });

    expect(problems).toHaveLength(1);
    expect(problems.join()).not.toContain('a-secret');
  });

  it('the types of a configuration are listed even if the rest of it is not valid', async () => {
    const cwd = await directoryWith({
      'penstock.yaml': 'types: [./types/acme-audit]\nsources: { a: { type: nope, token: "${UNSET}" } }\n',
      [FOLDER]: ACME,
    });

    const types = await loadNamedTypes('penstock.yaml', { env: {}, types: TYPES, loadType, cwd });

    expect([...types].map(([id, { from }]) => [id, from])).toEqual([['acme-audit', './types/acme-audit']]);
  });
});
