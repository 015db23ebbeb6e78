import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPostgresUrl } from '../../src/config/postgres-url.ts';

test('a URL names server, database, user and password', () => {
  expect(readPostgresUrl('postgres://ann:p%40ss%2Fword@db.test:6543/siem')).toEqual({
    host: 'db.test',
    port: 6543,
    database: 'siem',
    user: 'ann',
    password: 'p@ss/word',
    tls: true,
  });
  expect(readPostgresUrl('postgresql://ann@db.test/siem')).toMatchObject({
    port: 5432,
    password: undefined,
  });
});

test.each([
  ['postgres://ann:pw@db.test/siem', true],
  ['postgres://ann:pw@10.0.0.7/siem', true],
  ['postgres://ann:pw@localhost/siem', false],
  ['postgres://ann:pw@127.0.0.1:6432/siem', false],
  ['postgres://ann:pw@[::1]/siem', false],
  ['postgres://ann@%2Frun%2Fpostgresql/siem', false],
  ['postgres://ann:pw@localhost/siem?sslmode=verify-full', true],
  ['postgres://ann:pw@db.test/siem?sslmode=require', true],
  ['postgres://ann:pw@db.test/siem?sslmode=disable', false],
])('%s is encrypted: %s', (url, tls) => {
  expect(readPostgresUrl(url).tls).toBe(tls);
});

test('an address and the directory of a socket are as the operating system wants them', () => {
  expect(readPostgresUrl('postgres://ann@[2001:db8::7]/siem').host).toBe('2001:db8::7');
  expect(readPostgresUrl('postgres://ann@%2Frun%2Fpostgresql/siem').host).toBe('/run/postgresql');
});

test.each([
  ['mysql://ann:s3cret@db.test/siem', 'expected a URL'],
  ['db.test', 'expected a URL'],
  ['postgres://ann:s3cret@db.test', 'names no database'],
  ['postgres://ann:s3cret@db.test/', 'names no database'],
  ['postgres://db.test/siem', 'names no user'],
  ['postgres:///siem', 'names no host'],
  ['postgres://ann:s3cret@db1,db2/siem', 'names several hosts'],
  ['postgres://ann:s3/cret@db.test/siem', 'Percent-encode'],
  ['postgres://ann:12/s3cret@db.test/siem', 'Percent-encode'],
  ['postgres://ann:12/x?s3cret@db.test/siem', 'Percent-encode'],
  ['postgres://ann:12#s3cret@db.test/siem', 'Percent-encode'],
  ['postgres://ann:s3cret%zz@db.test/siem', 'Percent-encode'],
  ['postgres://ann:s3cret@db.test/siem?password=s3cret', 'unknown parameter `password`'],
  ['postgres://ann:s3cret@db.test/siem?options=-c%20search_path', 'unknown parameter `options`'],
  ['postgres://ann:s3cret@db.test/siem?sslmode=prefer', 'without encryption'],
  ['postgres://ann:s3cret@db.test/siem?sslmode=no-verify', 'without encryption'],
])('%s is refused, and the message says why without the password', (url, why) => {
  expect(() => readPostgresUrl(url)).toThrow(why);
  expect(() => readPostgresUrl(url)).not.toThrow('s3cret');
});

test('any password, percent-encoded, is read as it was', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (password) => {
      const url = `postgres://ann:${encodeURIComponent(password)}@db.test/siem`;

      expect(readPostgresUrl(url).password).toBe(password);
    }),
  );
});
