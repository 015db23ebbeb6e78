import { expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { always, duration, sourceOptions, tenants } from '../../src/config/options.ts';
import { Secret } from '../../src/core/secret.ts';
import type { CommonOptions } from '../../src/core/source.ts';

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

  expect(issues?.map(({ message }) => message)).toContain('expected `cert_file` and `key_file` together');
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
