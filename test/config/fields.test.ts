import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytes,
  duration,
  httpUrl,
  labels,
  namespace,
  normaliseUrl,
  parseBytes,
  schedule,
  secret,
  timezone,
  sizeOrAge,
  parseListenAddress,
} from '../../src/config/fields.ts';
import { Secret } from '../../src/core/secret.ts';

describe('a duration', () => {
  test.each(['', '5', '5 m', '-5m', '1.5h', '1h30m', '5min', '5M', 'm', '5w'])(
    'a duration cannot be "%s"',
    (text) => {
      expect(duration().safeParse(text).success).toBe(false);
    },
  );

  test('a duration has a default and bounds', () => {
    const field = duration('5m', { from: '1m', to: '1h' });

    expect(field.parse(undefined)).toBe(300_000);
    expect(field.safeParse('30s').error?.issues[0]?.message).toBe('must be at least 1m (got 30s)');
    expect(field.safeParse('2h').error?.issues[0]?.message).toBe('must be at most 1h (got 2h)');
    expect(field.safeParse(300).error?.issues[0]?.message).toMatch(/^expected a duration such as/);
  });
});

describe('a size', () => {
  test.each([
    ['0', 0],
    ['900000', 900_000],
    ['1KiB', 1024],
    ['64MiB', 67_108_864],
    ['2GiB', 2_147_483_648],
  ])('a size can be %s', (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });

  test.each(['', '64MB', '64 MiB', '1.5GiB', '-1', 'MiB', '1mib', '9007199254740993', '999999999999999GiB'])(
    'a size cannot be "%s"',
    (text) => {
      expect(bytes().safeParse(text).error?.issues[0]?.message).toMatch(/^expected a size/);
    },
  );

  test('a size is the same as text with a unit, as digits and as a number', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.constantFrom(['KiB', 10], ['MiB', 20], ['GiB', 30]),
        (amount, unit) => {
          const expected = amount * 2 ** unit[1];

          expect(parseBytes(`${amount}${unit[0]}`)).toBe(expected);
          expect(bytes().parse(String(expected))).toBe(expected);
          expect(bytes().parse(expected)).toBe(expected);
        },
      ),
    );
  });

  test('a size has a default and a minimum', () => {
    const field = bytes('2GiB', '8MiB');

    expect(field.parse(undefined)).toBe(2 ** 31);
    expect(field.parse(8_388_608)).toBe(8_388_608);
    expect(field.safeParse('8388607').error?.issues[0]?.message).toBe('must be at least 8MiB (got 8388607)');
  });
});

describe('a size or an age', () => {
  test.each([
    ['1GiB', { bytes: 2 ** 30 }],
    [900_000, { bytes: 900_000 }],
    ['900000', { bytes: 900_000 }],
    ['7d', { age: 604_800_000 }],
    ['90s', { age: 90_000 }],
  ])('a size or an age can be %s', (text, expected) => {
    expect(sizeOrAge('1GiB').parse(text)).toEqual(expected);
  });

  test.each(['', '1GB', '7 days', '0d', '0', 0, -1, 1.5, null])('a size or an age cannot be %j', (text) => {
    expect(sizeOrAge('1GiB').safeParse(text).error?.issues[0]?.message).toMatch(
      /^expected a size such as 64MiB or 1GiB, or an age such as 12h or 7d$/,
    );
  });
});

describe('a base URL', () => {
  test.each([
    ['https://QRadar.Example.com', 'https://qradar.example.com'],
    ['https://qradar.example.com:443/', 'https://qradar.example.com'],
    ['http://127.0.0.1:80/console//', 'http://127.0.0.1/console'],
    ['HTTP://[::1]:8080/a', 'http://[::1]:8080/a'],
  ])('a base URL is normalised: %s', (text, expected) => {
    expect(httpUrl().parse(text)).toBe(expected);
  });

  test.each([
    '',
    'qradar.example.com',
    'ftp://example.com',
    'https://user:pass@example.com',
    'https://example.com?x=1',
    'https://example.com/#top',
    ' https://example.com',
  ])('a base URL cannot be "%s"', (text) => {
    expect(httpUrl().safeParse(text).success).toBe(false);
  });

  test('a normalised base URL does not change when normalised again', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: false, withFragments: false }), (url) => {
        const once = normaliseUrl(url);

        expect(once).toBeDefined();
        expect(normaliseUrl(once!)).toBe(once);
      }),
    );
  });
});

test.each(['every 5m', 'every 1s', '*/5 * * * *', '0 */5 * * * *', '30 2 * * 1-5'])(
  'a schedule may be "%s"',
  (text) => {
    expect(schedule().parse(text)).toBe(text);
  },
);

test.each(['', '5m', 'every', 'every 0s', 'every day', '* * *', '61 * * * *', '0 0 30 2 *'])(
  'a schedule may not be "%s"',
  (text) => {
    expect(schedule().safeParse(text).success).toBe(false);
  },
);

test('a time zone is an IANA name', () => {
  expect(timezone().parse('Europe/Berlin')).toBe('Europe/Berlin');
  expect(timezone().safeParse('Europe/Nowhere').success).toBe(false);
});

test('a secret becomes a Secret and cannot be empty', () => {
  const value = secret().parse('s3cr3t-value');

  expect(value).toBeInstanceOf(Secret);
  expect(value.reveal()).toBe('s3cr3t-value');
  expect(secret().safeParse('').success).toBe(false);
});

test.each(['acme', 'a.b_c', 'team1'])('a namespace may be "%s"', (name) => {
  expect(namespace().parse(name)).toBe(name);
});

test.each(['', 'Acme', 'a-b', 'a b', 'a:b', 'x'.repeat(101)])('a namespace may not be "%s"', (name) => {
  expect(namespace().safeParse(name).success).toBe(false);
});

test('labels are texts whose names contain no dot', () => {
  expect(labels().parse(undefined)).toEqual({});
  expect(labels().parse({ site: 'north' })).toEqual({ site: 'north' });
  expect(labels().safeParse({ 'site.name': 'north' }).success).toBe(false);
  expect(labels().safeParse({ site: 1 }).success).toBe(false);
});

test.each([
  ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:9464', { host: '::1', port: 9464 }],
  [':9464', { host: undefined, port: 9464 }],
])('%s is an address', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

test.each(['9464', '127.0.0.1', '::1:9464', '127.0.0.1:70000', 'http://127.0.0.1:9464', 'host:', ''])(
  '%j is none',
  (text) => {
    expect(parseListenAddress(text)).toBeUndefined();
  },
);
