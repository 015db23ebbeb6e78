import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/temporary.ts';
import { ACME } from '../sources/_declarative/definitions.ts';
import { command } from './support/command.ts';

const FIXTURE = `# Kept as it is.
description: Two pages of changes.
options: { organisation: acme, initial_lookback: 1h }
now: 2026-03-02T12:00:00Z
exchanges:
  - request:
      method: GET
      path: /v1/orgs/acme/audit
      query: { since: "2026-03-02T10:55:00.000Z", until: "2026-03-02T11:59:00.000Z", limit: 1000 }
      headers: { authorization: Bearer token-of-the-fixture }
    response:
      headers: { link: '<https://api.acme.example/v1/orgs/acme/audit?page=2>; rel="next"' }
      body: { data: [{ id: 1, created_at: "2026-03-02T11:30:00Z", action: login, result: ok, actor: { login: anna, ip: 192.0.2.1 }, size: 7 }] }
  - request: { path: /v1/orgs/acme/audit, query: { page: 2 } }
    response:
      body: { data: [{ id: 2, created_at: "2026-03-02T11:31:00Z", action: logout, actor: { login: anna } }] }
`;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeEach(async () => {
  directory = await temporaryDirectory();
});

afterEach(() => directory[Symbol.asyncDispose]());

/** Writes a definition and a fixture. Returns the command line that tests them, and the fixture's path. */
async function folder({ source = ACME, fixture = FIXTURE } = {}) {
  const path = join(directory.path, 'acme-audit');
  const file = join(path, 'fixtures/changes.yaml');
  await mkdir(join(path, 'fixtures'), { recursive: true });
  await writeFile(join(path, 'source.yaml'), source);
  await writeFile(file, fixture);
  const test = (...flags: readonly string[]) =>
    command(['source', 'test', 'acme-audit', ...flags], { cwd: directory.path });
  return { test, file };
}

const differencesIn = ({ rows }: { readonly rows: readonly Record<string, unknown>[] }) =>
  rows.flatMap(({ differences }) => differences as { at: string; expected?: unknown; got?: unknown }[]);

it('a fixture without events is written, and then the definition agrees with it', async () => {
  const { test, file } = await folder();

  const before = await test();
  const updated = await test('--update');
  const after = await test();

  expect(before.code).toBe(1);
  expect(differencesIn(before).map(({ at }) => at)).toEqual(['events[0]', 'events[1]']);
  expect([updated.code, after.code, after.stderr]).toEqual([0, 0, '']);
  expect(after.rows.filter(({ fixture }) => fixture !== undefined)).toEqual([
    { fixture: 'acme-audit/fixtures/changes.yaml', events: 2, updated: false, differences: [] },
  ]);
  const text = await readFile(file, 'utf8');
  expect(text.startsWith(FIXTURE)).toBe(true);
  expect(text.slice(FIXTURE.length)).toBe(`events:
  - "@timestamp": 2026-03-02T11:30:00.000Z
    message: login
    event.kind: event
    event.category: [ iam ]
    event.type: [ change ]
    event.id: "1"
    event.action: login
    event.outcome: success
    user.name: anna
    source.address: 192.0.2.1
    source.ip: 192.0.2.1
    acme.audit.id: "1"
    acme.audit.result: ok
    acme.audit.size: 7
    related.ip: [ 192.0.2.1 ]
    related.user: [ anna ]
  - "@timestamp": 2026-03-02T11:31:00.000Z
    message: logout
    event.kind: event
    event.category: [ iam ]
    event.type: [ change ]
    event.id: "2"
    event.action: logout
    event.outcome: failure
    user.name: anna
    acme.audit.id: "2"
    related.user: [ anna ]
`);
});

it('a wrong path in the definition is shown as the fields that differ, and the fixture stays as it is', async () => {
  const { test, file } = await folder();
  await test('--update');
  const text = await readFile(file, 'utf8');
  await folder({ source: ACME.replace('user.name: actor.login', 'user.name: actor.name'), fixture: text });

  const { code, rows } = await test();

  expect(code).toBe(1);
  expect(differencesIn({ rows })).toEqual(
    [0, 1].flatMap((index) => [
      { at: `events[${index}].user.name`, expected: 'anna' },
      { at: `events[${index}].related.user`, expected: ['anna'] },
      { at: `events[${index}].acme.audit.actor.login`, got: 'anna' },
    ]),
  );
  expect(await readFile(file, 'utf8')).toBe(text);
});

it('an expression that fails on a record without fields is a difference', async () => {
  const { test } = await folder({
    source: ACME.replace(
      'record.?result.orValue("") == "ok"',
      'timestamp(record.?result.orValue("")) == timestamp(0)',
    ),
  });

  const { code, rows } = await test('--update');

  expect(code).toBe(1);
  expect(rows.at(-1)).toEqual({
    record: '{}',
    differences: [
      { at: 'map', got: expect.stringMatching(/^Left out.*event\.outcome: the expression failed: /) },
    ],
  });
});

it('a terminal shows each difference on a line', async () => {
  await folder({ fixture: FIXTURE.replace('limit: 1000', 'limit: 7') });

  const { code, stdout } = await command(['source', 'test', 'acme-audit', '--update'], {
    cwd: directory.path,
    tty: true,
  });

  expect(code).toBe(1);
  expect(stdout.slice(0, stdout.indexOf('simulated vendor')))
    .toBe(`acme-audit/fixtures/changes.yaml: 1 difference (2 events written: read them)
  exchanges[0].request.query.limit: expected "7", got "1000"
`);
});

it.each([
  [
    'asks for more than the fixture answers',
    FIXTURE.slice(0, FIXTURE.indexOf('  - request: {')),
    [{ at: 'exchanges[1]', got: 'GET /v1/orgs/acme/audit?page=2' }],
  ],
  [
    'does not ask for all that it answers',
    FIXTURE.replace(/ {6}headers: { link.*\n/, ''),
    [{ at: 'exchanges[1]', expected: 'GET /v1/orgs/acme/audit' }],
  ],
  [
    'sends another header, method or path',
    FIXTURE.replace('Bearer token-of', 'Bearer word-of')
      .replace('method: GET', 'method: POST')
      .replace('path: /v1/orgs/acme/audit\n', 'path: /v2\n'),
    [
      { at: 'exchanges[0].request.method', expected: 'POST', got: 'GET' },
      { at: 'exchanges[0].request.path', expected: '/v2', got: '/v1/orgs/acme/audit' },
      {
        at: 'exchanges[0].request.headers.authorization',
        expected: 'Bearer word-of-the-fixture',
        got: 'Bearer token-of-the-fixture',
      },
    ],
  ],
  [
    'cannot use an answer',
    FIXTURE.replace('{ data: [{ id: 2,', '{ rows: [{ id: 2,'),
    [
      {
        at: 'exchanges',
        expected: 'a complete poll',
        got: expect.stringContaining(
          'https://api.acme.example/v1/orgs/acme/audit is not what the definition says: `data` is absent',
        ) as string,
      },
    ],
  ],
])('a definition that %s differs, also with --update', async (_, fixture, expected) => {
  const { test } = await folder({ fixture });

  const result = await test('--update');

  expect(result.code).toBe(1);
  expect(differencesIn(result)).toEqual(expected);
});

it('what cannot be read is shown with its place, all at once, and nothing is run or written', async () => {
  const { test, file } = await folder({
    fixture: FIXTURE.replace('now: 2026-03-02T12:00:00Z', 'now: today').replace(
      'organisation: acme',
      'organization: acme',
    ),
  });
  const text = await readFile(file, 'utf8');

  const { code, stdout, stderr } = await test('--update');

  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain('acme-audit/fixtures/changes.yaml:4:6 now: expected a time such as');
  expect(stderr).not.toContain('needs `now`');
  expect(stderr).toContain(
    'acme-audit/fixtures/changes.yaml:3:12 options.organization: unknown option `organization`; did you mean `organisation`?',
  );
  expect(await readFile(file, 'utf8')).toBe(text);
});

it('a definition without fixtures is no success', async () => {
  const { test, file } = await folder();
  await rm(file);

  const { code, stderr } = await test();

  expect(code).toBe(2);
  expect(stderr).toBe(
    'acme-audit is valid, but nothing was tested: it has no fixtures/*.yaml. Make one: see penstock source record --help\n',
  );
});

it('a definition that cannot be read, or that is not there, ends with exit 2', async () => {
  const { test } = await folder({ source: ACME.replace('cursor:', 'curser:') });

  const wrong = await test();
  const absent = await command(['source', 'test', 'nothing'], { cwd: directory.path });

  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/acme-audit\/source\.yaml:\d+:1 curser/);
  expect([absent.code, absent.stderr]).toEqual([2, 'nothing cannot be read: it does not exist.\n']);
});

/** The exchange of a poll that has the same record again. */
const page = (since: string, until: string) => `
      - request: { path: /v1/orgs/acme/audit, query: { since: "2026-03-02T${since}:00.000Z", until: "2026-03-02T${until}:00.000Z", limit: "1000" }, headers: { authorization: Bearer made } }
        response: { body: { data: [{ id: 1, created_at: "2026-03-02T11:58:00Z", action: login }] } }`;

it('a later poll goes on where the first ended, and a token is asked for at another origin', async () => {
  const source = ACME.replace(
    'auth: { bearer: "{{ options.token }}" }',
    'auth: { oauth2: { token_url: https://login.acme.example/token, client_id: penstock, client_secret: "{{ options.token }}" } }',
  );
  const token = `
      - request: { method: POST, path: /token, body: { grant_type: client_credentials, client_id: penstock, client_secret: token-of-the-fixture } }
        response: { body: { access_token: made, token_type: Bearer, expires_in: 3600 } }`;
  const { test } = await folder({
    source,
    fixture: `options: { organisation: acme, initial_lookback: 1h }
polls:
  - now: 2026-03-02T12:00:00Z
    exchanges:${token}${page('10:55', '11:59')}
  - now: 2026-03-02T12:10:00Z
    exchanges:${token}${page('11:54', '12:09')}
`,
  });

  const { code, rows, stderr } = await test('--update');

  expect(stderr).toBe('');
  expect(differencesIn({ rows })).toEqual([]);
  expect([code, rows[0]?.['events']]).toEqual([0, 1]);
});

it('the definition also reads a simulated vendor, whose records are made of the fixture', async () => {
  const { test } = await folder();
  await test('--update');

  const { code, rows } = await test();

  expect(code).toBe(0);
  expect(rows.slice(1)).toEqual([
    { simulated: 'pages, records of one time', events: 101, differences: [] },
    { simulated: 'a last page that is exactly full', events: 60, differences: [] },
    { simulated: 'late records, new ones during the walk', events: 66, differences: [] },
    { simulated: 'kills between pages', events: 60, differences: [] },
    { simulated: '429, an answer that is cut off', events: 60, differences: [] },
    { record: '{}', differences: [] },
  ]);
});

it('a poll of the simulated vendor that fails is a difference', async () => {
  const { test } = await folder({
    fixture: FIXTURE.replace('initial_lookback: 1h', 'initial_lookback: 1h, retries: 0'),
  });
  await test('--update');

  const result = await test();

  expect(result.code).toBe(1);
  expect(differencesIn(result)).toEqual([
    {
      at: 'simulated vendor (429, an answer that is cut off)',
      expected: 'a complete poll',
      got: expect.any(String) as string,
    },
    {
      at: 'simulated vendor (429, an answer that is cut off)',
      expected: { events: 60, repeated: 0, malformed: 0 },
      got: { events: 0, repeated: 0, malformed: 0 },
    },
  ]);
});

it('a path that is in no answer of the fixtures is named, and is no difference', async () => {
  const { test } = await folder({ source: ACME.replace('{ link: next }', 'meta.next') });

  const { rows } = await test('--update');

  expect(rows).toContainEqual({ missing: ['paging.next_url.from (meta.next)'], differences: [] });
  expect((await (await folder()).test('--update')).rows.filter((row) => 'missing' in row)).toEqual([]);
});
