import { expect, test } from 'vitest';
import { resourceAttributes } from '../../src/config/otel-environment.ts';
import { loadConfig } from '../../src/config/load.ts';
import { mask } from '../../src/core/secret.ts';
import { CERTIFICATES } from './support/certificates.ts';
import { directoryWith, load, problemsOf, SIEM, TYPES } from './support/configuration.ts';

const SOURCES = 'sources: {}\n';
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.test:4318' };

async function destination(env: Readonly<Record<string, string>>) {
  const { destinations } = await load(SOURCES, env);
  return destinations[0];
}

test('the endpoint alone describes a destination with our defaults', async () => {
  expect(await destination(ENDPOINT)).toEqual({
    name: 'otlp',
    url: 'http://collector.test:4318/v1/logs',
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
    variables: {
      endpoint: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      ca_file: 'OTEL_EXPORTER_OTLP_CERTIFICATE',
      cert_file: 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
      key_file: 'OTEL_EXPORTER_OTLP_CLIENT_KEY',
    },
  });
});

test('every variable is honoured, and headers are percent-decoded', async () => {
  const cwd = await directoryWith({ 'penstock.yaml': SOURCES, ...CERTIFICATES });
  const env = {
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
    OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a%3Db%2Cc, x-tenant = north==,',
    OTEL_EXPORTER_OTLP_CERTIFICATE: 'ca.pem',
    OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: `${cwd}/cert.pem`,
    OTEL_EXPORTER_OTLP_CLIENT_KEY: `${cwd}/key.pem`,
  };

  const { destinations } = await loadConfig({ env, types: TYPES, cwd });

  const { headers, ...rest } = destinations[0]!;
  expect(rest).toMatchObject({
    protocol: 'http/json',
    compression: 'none',
    timeout: 2500,
    tls: { ca_file: `${cwd}/ca.pem`, cert_file: `${cwd}/cert.pem`, key_file: `${cwd}/key.pem` },
  });
  expect(Object.entries(headers).map(([name, value]) => [name, value.reveal()])).toEqual([
    ['authorization', 'Bearer a=b,c'],
    ['x-tenant', 'north=='],
  ]);
});

test('the variables for logs come first, and their endpoint is used unchanged', async () => {
  const found = await destination({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS: 'a=general',
    OTEL_EXPORTER_OTLP_TIMEOUT: '1',
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'https://logs.test/intake',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=for-logs',
    OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: '2',
  });

  expect(found).toMatchObject({ url: 'https://logs.test/intake', timeout: 2 });
  expect(Object.keys(found?.headers ?? {})).toEqual(['b']);
});

test('an empty variable counts as unset', async () => {
  const found = await destination({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: '',
    OTEL_EXPORTER_OTLP_PROTOCOL: ' ',
  });

  expect(found).toMatchObject({ url: 'http://collector.test:4318/v1/logs', protocol: 'http/protobuf' });
});

test('destinations in the file leave the variables alone, wrong ones too', async () => {
  const config = await load(SIEM + SOURCES, { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });

  expect(config.destinations.map(({ name }) => name)).toEqual(['siem']);
});

test('gRPC is refused, and what to use is said', async () => {
  expect(await problemsOf(SOURCES, { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toEqual([
    'environment variable OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or http/json; gRPC is not supported: use http/protobuf, usually on port 4318',
  ]);
});

test('a name that no header can have is refused, without its value', async () => {
  const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'x-fine=1,not(fine=secret-value' };

  expect(await problemsOf(SOURCES, env)).toEqual([
    'environment variable OTEL_EXPORTER_OTLP_HEADERS: expected the name of an HTTP header before each `=`',
  ]);
});

test('the query of an endpoint is sent and never shown', async () => {
  const url = 'https://logs.test/intake?api_key=key-in-the-query';

  const found = await destination({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: url });

  expect(found?.url).toBe(url);
  expect(mask(`${url} answers 401`)).toBe('https://logs.test/intake[secret] answers 401');
  expect(mask('No key key-in-the-query.')).toBe('No key [secret].');
});

test('all that is wrong with the variables shows at once, without their values', async () => {
  const problems = await problemsOf(SOURCES, {
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: 'udp',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd',
    OTEL_EXPORTER_OTLP_TIMEOUT: '10s',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization:secret-value,b=%zz-secret-value',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/nope.pem',
    OTEL_EXPORTER_OTLP_CLIENT_KEY: '/nope.key',
    OTEL_RESOURCE_ATTRIBUTES: 'nonsense',
  });

  expect(problems).toEqual([
    'environment variable OTEL_RESOURCE_ATTRIBUTES: expected name=value,name=value with percent-encoded values',
    'environment variable OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: expected http/protobuf or http/json',
    'environment variable OTEL_EXPORTER_OTLP_COMPRESSION: expected gzip or none',
    'environment variable OTEL_EXPORTER_OTLP_HEADERS: expected name=value,name=value with percent-encoded values',
    'environment variable OTEL_EXPORTER_OTLP_TIMEOUT: expected milliseconds such as 10000',
    'environment variable OTEL_EXPORTER_OTLP_CERTIFICATE: cannot read /nope.pem: it does not exist',
    'environment variable OTEL_EXPORTER_OTLP_CLIENT_KEY: cannot read /nope.key: it does not exist',
    'environment variable OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: set it together with OTEL_EXPORTER_OTLP_CLIENT_KEY',
  ]);
});

test.each(['collector.test:4318', 'grpc://collector.test', 'http://user:password@collector.test'])(
  'the endpoint "%s" is refused',
  async (endpoint) => {
    expect(await problemsOf(SOURCES, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint })).toEqual([
      'environment variable OTEL_EXPORTER_OTLP_ENDPOINT: expected an http:// or https:// URL such as http://127.0.0.1:4318, without credentials',
    ]);
  },
);

test('resource attributes are the operator’s, and nothing of this process', () => {
  const attributes = resourceAttributes({
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,team=blue%20team,service.name=other',
    OTEL_SERVICE_NAME: 'siem-feed',
  });

  expect(attributes).toEqual({
    'deployment.environment.name': 'prod',
    team: 'blue team',
    'service.name': 'siem-feed',
  });
  expect(resourceAttributes({})).toEqual({});
});
