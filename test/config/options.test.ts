import { expect, expectTypeOf, test } from 'vitest';
import * as z from 'zod';
import { always, duration, sourceOptions, tenants } from '../../src/config/options.ts';
import { Secret } from '../../src/core/secret.ts';
import type { CommonOptions } from '../../src/core/source.ts';
import { load, problemsOf, SIEM } from './support/configuration.ts';

const MINIMUM = { type: 'acme', base_url: 'https://acme.test', token: 'token-of-acme' };

test('a source has the common options with their defaults, typed', () => {
  const schema = sourceOptions({ overlap: duration('5m') });

  const options: CommonOptions & z.output<typeof schema> = schema.parse(MINIMUM);

  expectTypeOf(options.token).toEqualTypeOf<Secret | undefined>();
  expectTypeOf(options.overlap).toEqualTypeOf<number>();
  expect(options).toEqual({
    type: 'acme',
    base_url: 'https://acme.test',
    account: '',
    token: expect.any(Secret),
    schedule: 'every 5m',
    timezone: 'UTC',
    timeout: 30_000,
    retries: 5,
    max_response_bytes: 64 * 2 ** 20,
    ledger: { max: 2 ** 30 },
    tls: { insecure_skip_verify: false },
    labels: {},
    overlap: 300_000,
  });
});

test("a source's own option wins over the common one of its name", () => {
  const schema = sourceOptions({ schedule: z.string().default('every 1m') });

  expect(schema.parse(MINIMUM).schedule).toBe('every 1m');
});

test('no further tries is a choice, fewer than none is not', () => {
  const schema = sourceOptions({});

  expect(schema.parse({ ...MINIMUM, retries: 0 }).retries).toBe(0);
  expect(schema.safeParse({ ...MINIMUM, retries: -1 }).success).toBe(false);
});

test('an unknown option, and tenants where the source has none, are refused', () => {
  const schema = sourceOptions({});

  expect(schema.safeParse({ ...MINIMUM, pagesize: 5 }).success).toBe(false);
  expect(schema.safeParse({ ...MINIMUM, tenants: 'all' }).success).toBe(false);
});

test('a token is required beside other mistakes, unless the source has another way', () => {
  const bare = { type: 'acme', base_url: 'https://acme.test' };

  const issues = sourceOptions({}).safeParse({ ...bare, retries: 'many' }).error?.issues;
  const free = sourceOptions({}, { tokenRequired: false }).safeParse(bare);

  expect(issues?.map(({ path }) => path)).toEqual([['retries'], ['token']]);
  expect(free.success).toBe(true);
});

test('a rule of a source that is always checked shows beside other mistakes', () => {
  const schema = sourceOptions({}).refine(() => false, {
    path: ['own'],
    error: 'expected more',
    when: always,
  });

  const issues = schema.safeParse({ ...MINIMUM, retries: 'many' }).error?.issues;

  expect(issues?.map(({ path }) => path)).toEqual([['retries'], ['own']]);
});

test('a client certificate needs its key', () => {
  const schema = sourceOptions({});

  const issues = schema.safeParse({ ...MINIMUM, tls: { cert_file: 'a.pem', insecure_skip_verify: 1 } }).error
    ?.issues;

  expect(issues?.map(({ message }) => message)).toContain('set `cert_file` and `key_file` together');
  expect(issues).toHaveLength(2);
});

test("a proxy's password is never shown", () => {
  const { proxy } = sourceOptions({}).parse({ ...MINIMUM, proxy: 'http://user:pass-word@proxy.test:3128' });

  expect(String(proxy)).toBe('[secret]');
  expect(proxy?.reveal()).toBe('http://user:pass-word@proxy.test:3128');
});

test.each([
  [undefined, undefined, {}],
  ['all', undefined, {}],
  [['a', 'b'], ['a', 'b'], {}],
  [{ a: { namespace: 'acme' } }, undefined, { a: { namespace: 'acme', labels: {} } }],
])('tenants %j are read', (value, only, settings) => {
  expect(tenants().parse(value)).toEqual({ only, settings });
});

test.each([['none'], [[]], [{ a: { name: 'x' } }], [{ a: { namespace: 'A-B' } }]])(
  'tenants %j are refused',
  (value) => {
    expect(tenants().safeParse(value).success).toBe(false);
  },
);

const BASE = `x-console: &console
  type: acme-logins
  token: \${TOKEN}
  page_size: 50
`;

type Strings = Readonly<Record<string, string>>;

/** The options of each source by its name. */
async function optionsOf(
  text: string,
  env: Strings = {},
  files: Strings = {},
): Promise<Record<string, unknown>> {
  const { sources } = await load(SIEM + text, env, files);
  return Object.fromEntries(sources.map(({ name, options }) => [name, options]));
}

test('a merge key takes what the map does not set itself, and what was filled in with it', async () => {
  const options = await optionsOf(
    `${BASE}sources:
  a: { <<: *console, base_url: https://a.test }
  b: { base_url: https://b.test, page_size: 7, <<: *console }
`,
    { TOKEN: 'token-of-both' },
  );

  expect(options).toMatchObject({
    a: { base_url: 'https://a.test', page_size: 50 },
    b: { base_url: 'https://b.test', page_size: 7 },
  });
  expect((options['b'] as { token: Secret }).token.reveal()).toBe('token-of-both');
});

test('of several merged maps the first one that has an option gives it, merged maps may merge others', async () => {
  const options = await optionsOf(`x-a: &a { page_size: 1 }
x-b: &b { <<: *a, page_size: 2, overlap: 1m }
sources:
  one: { <<: [*a, *b], type: acme-logins, token: token-of-one, base_url: https://a.test }
  two: { <<: *b, type: acme-logins, token: token-of-two, base_url: https://b.test }
`);

  expect(options).toMatchObject({
    one: { page_size: 1, overlap: 60_000 },
    two: { page_size: 2, overlap: 60_000 },
  });
});

test('a mistake in a merged map is reported once, at its own line', async () => {
  const problems = await problemsOf(
    `${SIEM}x-console: &console
  type: acme-logins
  token: token-of-both
  page_size: 0
sources:
  a: { <<: *console, base_url: https://a.test }
  b: { <<: *console, base_url: https://b.test }
`,
  );

  expect(problems).toEqual(['penstock.yaml:5:14 sources.a.page_size: must be at least 1 (got 0)']);
});

test.each([
  ['a: { <<: 5 }', 'penstock.yaml:2:15 sources.a: expected a map, or a list of maps, after `<<`'],
  ['a: &a { <<: *a }', 'penstock.yaml:2:18 sources.a: an alias must not point to something that contains it'],
  [
    'a: { <<: &b [*b] }',
    'penstock.yaml:2:16 sources.a: an alias must not point to something that contains it',
  ],
])('the merge in %s is a mistake', async (block, problem) => {
  const problems = await problemsOf(`${SIEM}sources: { ${block} }\n`);

  expect(problems).toContainEqual(expect.stringContaining(problem.slice(problem.indexOf(' '))));
});

test('`<<` in quotes is a key like any other', async () => {
  const options = await optionsOf(
    'sources: { a: { type: acme-logins, token: token-of-a, base_url: https://a.test, labels: { "<<": x } } }\n',
  );

  expect(options).toMatchObject({ a: { labels: { '<<': 'x' } } });
});

test('`defaults` are the options of a type, then of every type, where a source does not set them', async () => {
  const options = await optionsOf(
    `defaults:
  acme-logins: { page_size: 50, token: "\${TOKEN}", labels: { site: north } }
  "*": { page_size: 7, retries: 1 }
sources:
  a: { type: acme-logins, base_url: https://a.test }
  b: { type: acme-logins, base_url: https://b.test, page_size: 3, labels: { rack: "4" }, token: token-of-b }
  t: { type: acme-tenants, token: token-of-t }
`.replace('"*": { page_size: 7, retries: 1 }', '"*": { retries: 1 }'),
    { TOKEN: 'token-by-default' },
  );

  expect(options).toMatchObject({
    a: { page_size: 50, retries: 1, labels: { site: 'north' } },
    b: { page_size: 3, retries: 1, labels: { rack: '4' } },
    t: { retries: 1 },
  });
  expect((options['b'] as { labels: unknown }).labels).toEqual({ rack: '4' });
  expect((options['a'] as { token: Secret }).token.reveal()).toBe('token-by-default');
});

test('the type’s default wins over that of every type', async () => {
  const options = await optionsOf(`defaults: { "*": { retries: 1 }, acme-logins: { retries: 2 } }
sources: { a: { type: acme-logins, token: token-of-a, base_url: https://a.test } }
`);

  expect(options).toMatchObject({ a: { retries: 2 } });
});

test('a source with a `token_file` takes no `token` from `defaults`', async () => {
  const options = await optionsOf(
    `defaults: { "*": { token: token-by-default } }
sources: { a: { type: acme-logins, token_file: t, base_url: https://a.test } }
`,
    {},
    { t: 'token-of-file' },
  );

  expect((options['a'] as { token: Secret }).token.reveal()).toBe('token-of-file');
});

test('a mistake in `defaults` is reported once, at its own line, however many sources have it', async () => {
  const consoles = Array.from(
    { length: 300 },
    (_, index) => `  c${index}: { type: acme-logins, base_url: "https://c${index}.test" }\n`,
  );
  const problems = await problemsOf(
    `${SIEM}defaults:
  acme-logins:
    token: token-of-all
    page_sise: 50
    tls: { ca_file: /nope }
sources:
${consoles.join('')}`,
  );

  expect(problems).toEqual([
    'penstock.yaml:5:5 sources.c0.page_sise: unknown option `page_sise`; did you mean `page_size`?',
    'penstock.yaml:6:21 sources.c0.tls.ca_file: cannot read /nope: it does not exist',
  ]);
});

test('`defaults` name a type that there is, and no `type`', async () => {
  const problems = await problemsOf(
    `${SIEM}defaults: { acme-login: { page_size: 5 }, "*": { type: acme-logins }, acme-tenants: 5 }\nsources: {}\n`,
  );

  expect(problems).toEqual([
    'penstock.yaml:2:13 defaults.acme-login: unknown source type `acme-login`; did you mean `acme-logins`?',
    'penstock.yaml:2:50 defaults.*.type: `type` is not allowed here; set it on each source',
    'penstock.yaml:2:85 defaults.acme-tenants: expected a map of options',
  ]);
});

test('top-level keys that begin with x- are ignored, others are not', async () => {
  const problems = await problemsOf(`${SIEM}x-any: { token: "\${UNSET}" }\ny-any: 5\nsources: {}\n`);

  expect(problems).toEqual([
    'penstock.yaml:3:1 y-any: unknown option `y-any`; expected state, destinations, types, sources, defaults, replica, admin, log or heartbeat',
  ]);
});
