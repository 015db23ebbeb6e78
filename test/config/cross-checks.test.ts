import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { loadSources } from '../../src/sources/registry.ts';
import { directoryWith, load, problemsOf, problemsOfLoading, SIEM } from './support/configuration.ts';

const logins = (url: string) => `{ type: acme-logins, base_url: "${url}", token: abcd }`;
const botbye = (own: string) =>
  `{ type: botbye-declined-requests, base_url: "https://botbye.test", token: abcd, ${own} }`;
const tenants = (more: string) => `{ type: acme-tenants, token: abcd, ${more} }`;

test('two sources that read one stream are an error, however the URL is spelt', async () => {
  const text = `${SIEM}sources:
  one: ${logins('https://console.test')}
  other: ${logins('https://CONSOLE.test:443/')}
`;

  expect(await problemsOf(text)).toEqual([
    'penstock.yaml:4:3 sources.other: `other` reads the same data as `one`, so every event would be sent twice; set `account` on both, or remove one (`one` is at penstock.yaml:3:3)',
  ]);
});

test.each(['account: north', 'account: "north"'])(
  'two accounts of one vendor are two streams: %s',
  async (north) => {
    const text = (other: string) => `${SIEM}sources:\n  one: ${tenants(north)}\n  other: ${tenants(other)}\n`;

    expect((await load(text('account: south'))).sources).toHaveLength(2);
    expect((await load(text('labels: {}'))).sources).toHaveLength(2);
    expect(await problemsOf(text(north))).toHaveLength(1);
  },
);

test.each(['7', '" north"', '"north "', '"a\\nb"', '[north]'])(
  '%s is no name of an account',
  async (account) => {
    const text = `${SIEM}sources:\n  one: { type: acme-tenants, token: abcd, account: ${account} }\n`;

    expect(await problemsOf(text)).toEqual([expect.stringContaining('expected an account name')]);
  },
);

test('two sources of BotBye are one stream only in one account, project, type and type of interval', async () => {
  const types = await loadSources();
  const problemsOfTwo = async (one: string, other: string) => {
    const text = `${SIEM}sources:\n  one: ${botbye(one)}\n  other: ${botbye(other)}\n`;
    const cwd = await directoryWith({ 'penstock.yaml': text });
    return await problemsOfLoading(loadConfig({ env: {}, types, cwd }));
  };
  const days = 'account_id: acc-1, project_ids: [shop]';

  expect(await problemsOfTwo(days, days)).toEqual([
    'penstock.yaml:4:3 sources.other: `other` reads the same data as `one`, so every event would be sent twice; give them different `account_id`, `project_ids`, `types` or `interval_type`, or remove one (`one` is at penstock.yaml:3:3)',
  ]);
  expect(await problemsOfTwo(days, `${days}, interval_type: HOUR`)).toEqual([]);
  expect(await problemsOfTwo(days, 'account_id: acc-2, project_ids: [shop]')).toEqual([]);
  expect(await problemsOfTwo(days, `${days}, types: [rule]`)).toHaveLength(1);
});

test('two servers, or two types, are two streams', async () => {
  const config = await load(`${SIEM}sources:
  one: ${logins('https://api.acme.test')}
  other: ${logins('https://console.test')}
  third: ${tenants('labels: {}')}
`);

  expect(config.sources).toHaveLength(3);
});

test.each([
  ['tenants: all', 'tenants: all'],
  ['tenants: all', 'tenants: [T2]'],
  ['tenants: [T1, T2]', 'tenants: [T2, T3]'],
  ['tenants: { T1: {} }', 'tenants: [T2]'],
  ['project_ids: [P1]', 'labels: {}'],
])('sources of one vendor with %s and with %s read one stream', async (one, other) => {
  const text = `${SIEM}sources:\n  one: ${tenants(one)}\n  other: ${tenants(other)}\n`;

  expect(await problemsOf(text)).toHaveLength(1);
});

test('two sources that share one stream for all tenants read one stream, whichever tenants they name', async () => {
  const types = await loadSources();
  const problemsOfTwo = async (type: string) => {
    const block = (tenant: string) => `{ type: ${type}, token: abcd, tenants: [${tenant}] }`;
    const text = `${SIEM}sources:\n  one: ${block('T1')}\n  other: ${block('T2')}\n`;
    const cwd = await directoryWith({ 'penstock.yaml': text });
    return await problemsOfLoading(loadConfig({ env: {}, types, cwd }));
  };

  expect(await problemsOfTwo('petra-incidents')).toHaveLength(1);
  expect(await problemsOfTwo('petra-failed-attacks')).toEqual([]);
});

test.each([
  ['tenants: [T1]', 'tenants: [T2]'],
  ['project_ids: [P1]', 'project_ids: [P2, P3]'],
  ['tenants: [T1], project_ids: [P1]', 'tenants: [T2], project_ids: [P1]'],
])('sources of one vendor with %s and with %s read two', async (one, other) => {
  const text = `${SIEM}sources:\n  one: ${tenants(one)}\n  other: ${tenants(other)}\n`;

  expect((await load(text)).sources).toHaveLength(2);
});

test('a destination that names an unknown source is an error', async () => {
  const text = `destinations:
  siem: { endpoint: http://127.0.0.1:4318, sources: [console, consle] }
sources: { console: ${logins('https://console.test')} }
`;

  expect(await problemsOf(text)).toEqual([
    'penstock.yaml:2:63 destinations.siem.sources[1]: unknown source `consle`; did you mean `console`?',
  ]);
});

test('a source that no destination receives is an error', async () => {
  const text = `destinations:
  siem: { endpoint: http://127.0.0.1:4318, sources: [one] }
  lake: { endpoint: http://127.0.0.1:4319, sources: [one] }
sources:
  one: ${logins('https://one.test')}
  two: ${logins('https://two.test')}
`;

  expect(await problemsOf(text)).toEqual([
    'penstock.yaml:6:3 sources.two: no destination receives this source; add it to the `sources` of one, or remove `sources` from one',
  ]);
});

test.each(['', 'destinations: {}\n'])(
  'a configuration without a destination is an error: %j',
  async (destinations) => {
    const problems = await problemsOf(`${destinations}sources: {}\n`);

    expect(problems).toEqual([
      'penstock.yaml:1:1 destinations: no destination; add one here, or set the environment variable OTEL_EXPORTER_OTLP_ENDPOINT',
    ]);
  },
);
