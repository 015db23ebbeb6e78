import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, afterEach, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { EXIT } from '../../../src/core/errors.ts';
import { forgetSecrets } from '../../../src/core/secret.ts';
import { openWorld, type World } from '../../cli/support/world.ts';
import { search } from './secret-spellings.ts';

const SECRET = 'secret-of/the+config&<Ab12>';
const IN_URL = encodeURIComponent(SECRET);

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 1 });
});

afterEach(() => world[Symbol.asyncDispose]());

/** A configuration that is right but for what is added: to the source, the destination, or beside them. */
function settings({ source = {}, destination = {}, more = {} }: Mistake): object {
  return {
    state: { path: join(world.path, 'state') },
    destinations: { siem: { endpoint: world.receiver.url, ...destination } },
    sources: { console: { ...world.blocks['console'], ...source } },
    ...more,
  };
}

interface Mistake {
  readonly source?: object;
  readonly destination?: object;
  readonly more?: object;
  readonly env?: Readonly<Record<string, string>>;
}

const keyFiles = { tls: { cert_file: 'not-a-key', key_file: 'not-a-key' } };

const MISTAKES: Readonly<Record<string, Mistake>> = {
  'a password in base_url': { source: { base_url: `https://us:${IN_URL}@127.0.0.1:9` } },
  'a password in the endpoint': { destination: { endpoint: `https://us:${IN_URL}@127.0.0.1:9` } },
  'a proxy of another scheme': { source: { proxy: `socks5://us:${SECRET}@127.0.0.1:9` } },
  'a proxy of another scheme in a variable': { env: { HTTP_PROXY: `socks5://us:${SECRET}@127.0.0.1:9` } },
  'a database of another kind': {
    more: { state: { postgres: { url: `mysql://us:${IN_URL}@127.0.0.1/x` } } },
  },
  'a password that is not encoded': {
    more: { state: { postgres: { url: `postgres://us:${SECRET}@127.0.0.1/x` } } },
  },
  'an option of PostgreSQL that is unknown': {
    more: { state: { postgres: { url: `postgres://us:${IN_URL}@127.0.0.1/x?password=${IN_URL}` } } },
  },
  'a token that is a map': { source: { token: { value: SECRET } } },
  'a token that is a list': { source: { token: [SECRET] } },
  'a token of two lines': { source: { token: `${SECRET}\n${SECRET}` } },
  'a mistyped option': { source: { tokne: SECRET } },
  'a mistyped header': { destination: { header: { authorization: SECRET } } },
  'a header of two lines': { destination: { headers: { authorization: `Bearer ${SECRET}\nx` } } },
  'a header with a name that is none': { destination: { headers: { ['a b']: SECRET } } },
  'a key for hashing that is a list': {
    source: { shape: { hash: { fields: ['user.name'], key: [SECRET] } } },
  },
  'a file of a source that holds no key': { source: keyFiles },
  'a file of a destination that holds no key': { destination: keyFiles },
  'a reference that is none': { source: { token: `\${${SECRET}}` } },
};

it.each(Object.entries(MISTAKES))('%s is refused, and the error shows no secret', async (_, mistake) => {
  await writeFile(
    join(world.path, 'not-a-key'),
    `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`,
  );
  await writeFile(world.config, stringify(settings(mistake)));

  const codes: Record<string, number> = {};
  for (const line of ['check', 'once', 'status']) {
    forgetSecrets();
    const { code, stdout, stderr } = await world.run(line, { env: mistake.env ?? {} });
    codes[line] = code;
    expect(stderr).not.toBe('');
    expect(search(new Map([[line, stdout + stderr]]), { SECRET })).toEqual([]);
  }
  expect(codes).toEqual({ check: EXIT.usage, once: EXIT.usage, status: EXIT.usage });
});

it.each([
  ['a quote that nothing closes', `token: "${SECRET}`],
  ['a wrong indentation', `token: ${SECRET}\n   x: ${SECRET}\n  y: ${SECRET}`],
  ['a key twice', `token: ${SECRET}\ntoken: ${SECRET}`],
  ['an anchor that is unknown', `token: *${SECRET}`],
  ['a tag that is unknown', `token: !!${SECRET} x`],
  ['text that is no map', SECRET],
])('YAML with %s is refused, and the error shows no secret', async (_, text) => {
  await writeFile(world.config, text);
  forgetSecrets();

  const { code, stdout, stderr } = await world.run('check');

  expect(code).toBe(EXIT.usage);
  expect(stderr).not.toBe('');
  expect(search(new Map([['check', stdout + stderr]]), { SECRET })).toEqual([]);
});
