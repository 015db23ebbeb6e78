import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import type { Secret } from '../../src/core/secret.ts';
import { directoryWith, load, problemsOf, SIEM, TYPES } from './support/configuration.ts';

const LOGINS = 'sources: { console: { type: acme-logins, base_url: https://a.test, token: token-of-a } }\n';

test('the smallest configuration is complete by its defaults', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': SIEM + LOGINS });

  const config = await loadConfig({ env: {}, types: TYPES, cwd });

  expect(config).toMatchObject({
    file: 'penstock.yaml',
    state: {
      place: { kind: 'directory', path: join(cwd, 'state'), allowNetworkFs: false },
      maxBytes: 2 ** 31,
      retain: 86_400_000,
    },
    sources: [
      {
        name: 'console',
        definition: TYPES.get('acme-logins'),
        options: { base_url: 'https://a.test', schedule: 'every 5m', page_size: 1000, overlap: 300_000 },
        namespace: undefined,
      },
    ],
    admin: undefined,
    log: { level: 'info', format: 'json' },
    heartbeat: undefined,
  });
  expect(config.destinations).toEqual([
    {
      name: 'siem',
      url: 'http://127.0.0.1:4318/v1/logs',
      protocol: 'http/protobuf',
      profile: 'attributes',
      headers: {},
      compression: 'gzip',
      timeout: 10_000,
      maxRequestBytes: 900_000,
      maxEventAge: undefined,
      tls: { insecure_skip_verify: false },
      sources: undefined,
      tenants: undefined,
      namespace: undefined,
    },
  ]);
});

test('everything can be set', async () => {
  const config = await load(`
state: { path: /var/lib/penstock, max_bytes: 8MiB, retain: 0s, allow_network_fs: true }
destinations:
  siem:
    endpoint: https://siem.test/otlp
    protocol: http/json
    profile: elastic-ecs
    headers: { authorization: "Bearer token-of-siem" }
    compression: none
    timeout: 5s
    max_request_bytes: 16384
    max_event_age: 7d
    sources: [console]
    tenants: [T1]
    namespace: prod
sources:
  console: { type: acme-logins, base_url: https://a.test, token: token-of-a, namespace: north, retries: 0 }
admin: { listen: "[::1]:9464", allowances: { destination-unreachable: 5m, stale: 1h } }
log: { level: debug, format: pretty }
heartbeat: 15m
`);

  expect(config.state).toEqual({
    place: { kind: 'directory', path: '/var/lib/penstock', allowNetworkFs: true },
    maxBytes: 2 ** 23,
    retain: 0,
  });
  expect(config.destinations[0]).toMatchObject({
    url: 'https://siem.test/otlp/v1/logs',
    protocol: 'http/json',
    profile: 'elastic-ecs',
    compression: 'none',
    timeout: 5000,
    maxRequestBytes: 16_384,
    maxEventAge: 604_800_000,
    sources: ['console'],
    tenants: ['T1'],
    namespace: 'prod',
  });
  expect(config.destinations[0]?.headers['authorization']?.reveal()).toBe('Bearer token-of-siem');
  expect(config.sources[0]).toMatchObject({ namespace: 'north', options: { retries: 0 } });
  expect(config.admin).toEqual({
    listen: '[::1]:9464',
    allowances: { 'destination-unreachable': 300_000, stale: 3_600_000 },
  });
  expect(config.log).toEqual({ level: 'debug', format: 'pretty' });
  expect(config.heartbeat).toBe(900_000);
});

test.each([
  ['', undefined],
  ['backlog: {}', undefined],
  ['backlog: { max: 2GiB, then: wait }', undefined],
  ['backlog: { then: gap }', { bytes: 2 ** 30 }],
  ['backlog: { max: 512MiB, then: gap }', { bytes: 2 ** 29 }],
  ['backlog: { max: 3d, then: gap }', { age: 259_200_000 }],
])('with %j a destination skips beyond %j', async (backlog, expected) => {
  const config = await load(
    `destinations: { siem: { endpoint: "http://siem.test"${backlog && `, ${backlog}`} } }\n${LOGINS}`,
  );

  expect(config.destinations[0]?.backlog).toEqual(expected);
});

test.each([
  ['{ then: skip }', 'then'],
  ['{ max: soon, then: gap }', 'expected a size such as 64MiB or 1GiB, or an age such as 12h or 7d'],
  ['{ most: 1GiB }', 'max'],
])('a backlog of %s is a mistake', async (backlog, words) => {
  const text = `destinations: { siem: { endpoint: "http://siem.test", backlog: ${backlog} } }\n${LOGINS}`;

  await expect(load(text)).rejects.toThrow(words);
});

test.each([
  ['http://siem.test', 'http://siem.test/v1/logs'],
  ['http://siem.test/', 'http://siem.test/v1/logs'],
  ['http://siem.test/v1/logs', 'http://siem.test/v1/logs'],
  ['http://siem.test/v1/logs/', 'http://siem.test/v1/logs'],
  ['http://siem.test/api/v1/otlp', 'http://siem.test/api/v1/otlp/v1/logs'],
  ['https://SIEM.test:443/otlp?structure=raw', 'https://siem.test/otlp/v1/logs?structure=raw'],
])('the endpoint %s is asked at %s', async (endpoint, url) => {
  const config = await load(`destinations: { siem: { endpoint: "${endpoint}" } }\n${LOGINS}`);

  expect(config.destinations[0]?.url).toBe(url);
});

test('what is filled in is a number or a truth where one is expected, and text elsewhere', async () => {
  const text = `${SIEM}
sources:
  console:
    type: \${TYPE}
    base_url: http://127.0.0.1:\${PORT}
    token: \${TOKEN}
    page_size: \${SIZE}
    resolve_users: "\${FLAG}"
    overlap: \${OVERLAP}
    max_response_bytes: \${BYTES}
    labels: { site: "\${TOKEN}" }
`;

  const config = await load(text, {
    TYPE: 'acme-logins',
    PORT: '8080',
    TOKEN: '0123456789',
    SIZE: '50',
    FLAG: 'false',
    OVERLAP: '1h',
    BYTES: '1024',
  });

  const options = config.sources[0]?.options as { token?: Secret } | undefined;
  expect(options).toMatchObject({
    base_url: 'http://127.0.0.1:8080',
    page_size: 50,
    resolve_users: false,
    overlap: 3_600_000,
    max_response_bytes: 1024,
    labels: { site: '0123456789' },
  });
  expect(options?.token?.reveal()).toBe('0123456789');
});

test('a value filled in that does not fit is a mistake like one written', async () => {
  const text = `${SIEM}sources:\n  a: { type: acme-logins, base_url: https://a.test, token: abcd, page_size: "\${N}" }\n`;

  expect(await problemsOf(text, { N: 'many' })).toEqual([
    'penstock.yaml:3:77 sources.a.page_size: expected a number',
  ]);
  expect(await problemsOf(text, { N: '9000' })).toEqual([
    'penstock.yaml:3:77 sources.a.page_size: must be at most 5000',
  ]);
});

test('an anchor can be used again', async () => {
  const config = await load(`${SIEM}sources:
  a: { type: acme-logins, base_url: https://a.test, token: token-of-a, labels: &labels { site: north } }
  b: { type: acme-logins, base_url: https://b.test, token: token-of-b, labels: *labels }
`);

  expect(config.sources.map(({ options }) => options.labels)).toEqual([{ site: 'north' }, { site: 'north' }]);
});

test('a file with a byte order mark and Windows line ends is read', async () => {
  const config = await load(`\uFEFF${SIEM}${LOGINS}`.replaceAll('\n', '\r\n'));

  expect(config.sources).toHaveLength(1);
});

test('without any source there is nothing to poll, which must be said by an empty map', async () => {
  expect(await problemsOf(SIEM)).toEqual([
    'penstock.yaml:1:1 sources: missing; expected a map from a name of your choice to the options of a source',
  ]);
  expect((await load(`${SIEM}sources: {}\n`)).sources).toEqual([]);
});

test('reading a configuration twice gives the same', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': SIEM + LOGINS });

  const first = await loadConfig({ env: {}, types: TYPES, cwd });
  const second = await loadConfig({ env: {}, types: TYPES, cwd });

  expect(second).toEqual(first);
});
