import { describe, expect, test } from 'vitest';
import { Problems } from '../../src/config/problems.ts';
import { mask, Secret } from '../../src/core/secret.ts';
import type { ConfigError } from '../../src/core/errors.ts';
import { sourceExposure, destinationExposure } from '../../src/http/way.ts';
import { rig } from '../http/support/rig.ts';
import { checkProxies, proxyFor } from '../../src/config/proxy.ts';

const PROXY = 'http://proxy.test:3128';
const via = (proxy: string) => new Secret(proxy);

function problemsOf(env: Record<string, string>): readonly string[] {
  const problems = new Problems();
  checkProxies(env, problems);
  try {
    problems.throwIfAny();
  } catch (error) {
    return (error as ConfigError).problems;
  }
  return [];
}

describe('the variables', () => {
  test.each([
    ['http://vendor.test', { HTTP_PROXY: 'proxy.test:3128' }],
    ['http://vendor.test', { http_proxy: ' proxy.test:3128 ', HTTP_PROXY: 'http://other.test' }],
    ['http://vendor.test', { http_proxy: '', HTTP_PROXY: `${PROXY}/` }],
    ['https://vendor.test', { HTTPS_PROXY: PROXY }],
    ['https://vendor.test', { https_proxy: PROXY, HTTP_PROXY: 'http://other.test' }],
  ])('%s gets its proxy from %o', (url, env) => {
    expect(proxyFor(url, env)?.origin).toBe(PROXY);
  });

  test('a proxy variable does not apply to the other protocol, nor to hosts in NO_PROXY', () => {
    expect(proxyFor('https://vendor.test', { HTTP_PROXY: PROXY })).toBeUndefined();
    expect(proxyFor('http://vendor.test', { HTTP_PROXY: PROXY, no_proxy: 'vendor.test' })).toBeUndefined();
  });

  test('a source with its own proxy ignores the variables', () => {
    const env = { HTTP_PROXY: 'http://other.test', NO_PROXY: '*' };

    expect(proxyFor('http://vendor.test', env, new Secret(PROXY))?.origin).toBe(PROXY);
  });

  test.each([
    ['http_proxy', 'ftp://user:pass-of-the-variable@proxy.test'],
    ['HTTP_PROXY', 'socks5://user:pass-of-the-variable@proxy.test'],
    ['HTTPS_PROXY', 'user:pass-of-the-variable@'],
    ['https_proxy', 'http://user:pass-of-the-variable@proxy.test:99999'],
    ['HTTP_PROXY', 'http://user:pass-of-the-variable@proxy.test/path'],
    ['NO_PROXY', 'vendor.test,10.0.0.0/33'],
    ['no_proxy', '10.0.0.9-10.0.0.1'],
    ['NO_PROXY', 'fd00::1-10.0.0.9'],
    ['NO_PROXY', '192.168.'],
    ['NO_PROXY', '10.0.0.300'],
    ['NO_PROXY', 'vendor.test:70000'],
    ['NO_PROXY', 'http://vendor.test'],
    ['NO_PROXY', 'ven*r.test'],
  ])('an invalid proxy variable is named: %s=%s', (name, value) => {
    const problems = problemsOf({ [name]: value });

    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^environment variable ${name}: expected `));
    expect(problems[0]).not.toContain('pass-of');
    expect(mask(value)).not.toContain('pass-of-the-variable');
  });
});

describe('NO_PROXY', () => {
  test.each([
    ['vendor.test', 'vendor.test', true],
    ['vendor.test', 'api.vendor.test', true],
    ['vendor.test', 'notvendor.test', false],
    ['.vendor.test', 'vendor.test', true],
    ['.vendor.test', 'api.vendor.test', true],
    ['*.vendor.test', 'api.vendor.test', true],
    ['*.vendor.test', 'vendor.test', false],
    ['VENDOR.test.', 'vendor.test', true],
    [' a.test \t vendor.test , b.test', 'vendor.test', true],
    ['*', 'vendor.test', true],
    ['*:8443', 'vendor.test:8443', true],
    ['*:8443', 'vendor.test', false],
    ['vendor.test:443', 'vendor.test', true],
    ['vendor.test:443', 'vendor.test:8443', false],
    ['10.0.0.7', '10.0.0.7', true],
    ['10.0.0.7:8443', '10.0.0.7', false],
    ['10.0.0.0/8', '10.200.3.4', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/8', '10.vendor.test', false],
    ['10.0.0.1-10.0.0.9', '10.0.0.9', true],
    ['10.0.0.1 - 10.0.0.9', '10.0.0.1', true],
    ['10.0.0.1-10.0.0.9', '10.0.0.10', false],
    ['fd00::/8', '[fd12::1]', true],
    ['fd00::/8', '[fe80::1]', false],
    ['fd00::1-fd00::9', '[fd00::5]', true],
    ['::1', '[::1]', true],
    ['[::1]:443', '[::1]', true],
    ['[::1]:80', '[::1]', false],
    ['my-host', 'my-host', true],
  ])('NO_PROXY %o: %s is excepted: %s', (NO_PROXY, host, excepted) => {
    const proxy = proxyFor(`https://${host}`, { HTTPS_PROXY: PROXY, NO_PROXY });

    expect(proxy === undefined).toBe(excepted);
  });
});

test('the URL of a proxy without a password is not masked', () => {
  const address = 'http://open-proxy.test:3128';

  expect(proxyFor('http://vendor.test', {}, Secret.holdingNone(address))?.url.reveal()).toBe(address);
  expect(mask(`No answer from ${address}/x`)).toBe(`No answer from ${address}/x`);
});

describe('a password', () => {
  test.each([
    ['http://svc:Winter2026#pass@proxy.test:3128', 'svc:Winter2026#pass'],
    ['http://svc:Winter2026%23pass@proxy.test:3128', 'svc:Winter2026#pass'],
    ['svc:p/a?s@s%zz@proxy.test:3128', 'svc:p/a?s@s%zz'],
    ['http://svc@proxy.test:3128', 'svc:'],
  ])('the password of a proxy may contain any character: %s', (HTTP_PROXY, credential) => {
    const proxy = proxyFor('http://vendor.test', { HTTP_PROXY });

    expect(proxy?.origin).toBe(PROXY);
    expect(proxy?.credential?.reveal()).toBe(credential);
    expect(JSON.stringify(proxy)).not.toContain('svc');
  });

  test('the password of a proxy is masked as written, decoded and in its header', () => {
    proxyFor('http://vendor.test', { HTTP_PROXY: 'http://svc:Winter2026%23pass@proxy.test:3128' });
    const header = Buffer.from('svc:Winter2026#pass').toString('base64');

    expect(mask(`Winter2026%23pass Winter2026#pass ${header}`)).toBe('[secret] [secret] [secret]');
  });
});

describe('a credential over plain http', () => {
  test.each([
    ['http://vendor.test', undefined, /over plain http to vendor\.test/],
    ['http://10.0.0.1:8080', undefined, /to 10\.0\.0\.1:8080/],
    ['http://127.0.0.1:8080', undefined, /^nothing$/],
    ['http://[::1]:8080', undefined, /^nothing$/],
    ['http://localhost', undefined, /^nothing$/],
    ['https://vendor.test', undefined, /^nothing$/],
    ['http://127.0.0.1', via(PROXY), /plain-http proxy proxy\.test:3128/],
    ['http://vendor.test', via('https://proxy.test'), /over plain http to vendor\.test/],
    ['https://vendor.test', via(PROXY), /^nothing$/],
    ['https://vendor.test', via('http://svc:word@proxy.test:3128'), /proxy's password.*proxy\.test:3128/],
    ['https://vendor.test', via('http://svc:word@127.0.0.1:3128'), /^nothing$/],
    ['https://vendor.test', via('https://svc:word@proxy.test:3128'), /^nothing$/],
  ])('a credential over plain http to %s by %s is reported: %s', (base_url, proxy, detail) => {
    const exposure = sourceExposure({ base_url, proxy }, {});

    expect(exposure?.detail ?? 'nothing').toMatch(detail);
  });

  test('a credential over plain http is logged as a warning at the start', async () => {
    const { http, lines } = await rig('http://vendor.test');
    await http[Symbol.asyncDispose]();

    expect(lines).toMatchObject([{ level: 40, msg: expect.stringContaining('over plain http') as string }]);
  });

  test('the credential of a destination is in its headers and its query', () => {
    const url = 'http://siem.test/v1/logs';
    const headers = { authorization: new Secret('Bearer of-the-siem') };

    expect(destinationExposure({ url, headers }, {})?.detail).toContain('siem.test');
    expect(destinationExposure({ url: `${url}?key=x`, headers: {} }, {})).toBeDefined();
    expect(destinationExposure({ url, headers: {} }, {})).toBeUndefined();
    expect(destinationExposure({ url, headers: {} }, { HTTP_PROXY: PROXY })).toBeUndefined();
    expect(destinationExposure({ url, headers }, { HTTP_PROXY: PROXY })?.detail).toContain('proxy');
  });
});
