import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { serve, type Simulator } from '../../src/simulators/server.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { command } from './support/command.ts';

const TOKEN = 'token-of-okta/Ab12+Cd34';
const OKTA = new URL('../../src/sources/okta-system-log/', import.meta.url).pathname;

/** What a vendor knows of people, and what must not leave. */
const PERSONAL = {
  user: '00u7k2m9Qx4Anna5d6',
  name: 'Anna Sørensen-Lindqvist',
  mail: 'anna.lindqvist@contoso.example',
  address: '203.0.113.77',
  v6: '2001:db8:77aa::4c1',
  city: 'Gothenburg',
  session: 'trs9f8e7d6c5b4a3-Session',
  target: 'Payroll of Contoso',
  mobile: '46701234567',
  avatar: 'lindqvist-portrait',
  reason: 'Lindqvist answered wrongly',
};

const record = (number: number, more: object = {}) => ({
  uuid: `dc9fd3c0-598c-11ef-8478-2b7584bf8d${number}0`,
  published: `2026-03-02T11:4${number}:00.123Z`,
  eventType: 'user.session.start',
  displayMessage: `${PERSONAL.name} logged in from ${PERSONAL.address}`,
  severity: 'INFO',
  outcome: { result: 'FAILURE', reason: PERSONAL.reason },
  actor: { id: PERSONAL.user, type: 'User', alternateId: PERSONAL.mail, displayName: PERSONAL.name },
  client: { ipAddress: PERSONAL.address, geographicalContext: { city: PERSONAL.city, country: 'Sweden' } },
  authenticationContext: { externalSessionId: PERSONAL.session, authenticationStep: 0 },
  ...more,
});

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let vendor: Simulator;

beforeEach(async () => {
  directory = await temporaryDirectory();
  const clock = new DrivenClock('2026-03-02T12:00:00Z');
  vendor = await serve(
    ({ query }) =>
      query.has('after')
        ? {
            status: 200,
            body: [
              record(3, {
                phone: Number(PERSONAL.mobile),
                duration_ms: 1_234,
                profile: `https://cdn.contoso.example/people/${PERSONAL.avatar}?of=${PERSONAL.user}`,
                [PERSONAL.mail]: true,
              }),
            ],
          }
        : {
            status: 200,
            headers: {
              link: `<${vendor.url}/api/v1/logs?after=${PERSONAL.user}>; rel="next"`,
              'set-cookie': `sid=${PERSONAL.session}`,
            },
            body: [
              record(1),
              record(2, {
                target: [{ id: PERSONAL.user, displayName: PERSONAL.target, address: PERSONAL.v6 }],
              }),
            ],
          },
    { clock },
  );
});

afterEach(async () => {
  await vendor[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** Records from the vendor, with `flags` in place of the defaults. */
async function recorded(
  flags: readonly string[] = ['--pages', '9'],
  setting: { readonly tty?: boolean } = {},
) {
  const { path } = directory;
  await writeFile(
    join(path, 'penstock.yaml'),
    `state: { path: ./state }
destinations: { siem: { endpoint: "http://127.0.0.1:9" } }
sources: { okta: { type: okta-system-log, base_url: "${vendor.url}", token: "${TOKEN}", initial_lookback: 30m } }
`,
  );
  return command(['source', 'record', 'okta', '--out', 'fixtures', ...flags], {
    cwd: path,
    clock: new DrivenClock('2026-03-02T12:00:00Z'),
    ...setting,
  });
}

const text = () => readFile(join(directory.path, 'fixtures/recorded.yaml'), 'utf8');

it('a recording says when the list ended, because a wrong paging looks the same', async () => {
  const whole = await recorded(['--pages', '9'], { tty: true });
  await rm(join(directory.path, 'fixtures'), { recursive: true });
  const part = await recorded(['--pages', '1'], { tty: true });

  expect(whole.stdout).toContain('The list ended here: if the vendor has more records, correct `paging`.');
  expect(part.stdout).toContain('Read it before you share it.');
  expect(part.stdout).not.toContain('The list ended');
});

it('nothing personal and no secret is in the bytes that are written, and what happened still is', async () => {
  const { code, rows, stderr } = await recorded();

  expect(stderr).toBe('');
  expect([code, rows]).toEqual([0, [{ file: 'fixtures/recorded.yaml', exchanges: 2, events: 3 }]]);
  const written = await text();
  const forms = [
    ...Object.values(PERSONAL),
    TOKEN,
    ...Object.values(PERSONAL).flatMap((one) => one.split(/[ @.]/)),
  ]
    .filter((one) => one.length >= 4 && one !== 'example')
    .flatMap((one) => [one, encodeURIComponent(one), Buffer.from(one).toString('base64')]);
  for (const form of forms) expect(written.toLowerCase()).not.toContain(form.toLowerCase());
  expect(written).not.toContain(vendor.url);
  for (const kept of ['user.session.start', '2026-03-02T11:41:00.123Z', 'FAILURE', 'User', 'Sweden', '1234'])
    expect(written).toContain(kept);
});

it('one value has one stand-in of its shape in a recording, and another in the next', async () => {
  await recorded();
  const first = parse(await text()) as Fixture;
  const actors = bodies(first).map(({ actor }) => actor);

  expect(new Set(actors.map(({ id }) => id)).size).toBe(1);
  expect(actors[0]?.id).toMatch(/^\d\d[a-z]\d[a-z]\d[a-z]\d[A-Z][a-z]\d[A-Z][a-z]{3}\d[a-z]\d$/);
  expect(actors[0]?.alternateId).toMatch(/^[a-z]{4}\.[a-z]{9}@example\.com$/);
  expect(first.exchanges[1]?.request.query?.['after']).toBe(actors[0]?.id);
  expect(new Set(first.events.map((event) => event['source.ip'])).size).toBe(1);
  expect(first.events[0]?.['source.ip']).toMatch(/^198\.1[89]\.\d+\.\d+$/);
  await recorded(['--out', 'again']);
  const again = parse(await readFile(join(directory.path, 'again/recorded.yaml'), 'utf8')) as Fixture;
  expect(bodies(again)[0]?.actor.id).not.toBe(actors[0]?.id);
});

it.each([
  ['a whole poll', '9', 2, false],
  ['a poll that was cut', '1', 1, true],
])('the definition passes the test with the recording of %s', async (_, pages, exchanges, partial) => {
  await recorded(['--pages', pages]);
  await mkdir(join(directory.path, 'okta'));
  await cp(join(OKTA, 'source.yaml'), join(directory.path, 'okta/source.yaml'));
  await cp(join(directory.path, 'fixtures'), join(directory.path, 'okta/fixtures'), { recursive: true });

  const tested = await command(['source', 'test', 'okta'], { cwd: directory.path });

  const fixture = parse(await text()) as Fixture;
  expect([fixture.exchanges.length, fixture.partial === true]).toEqual([exchanges, partial]);
  expect(vendor.requests).toHaveLength(exchanges);
  expect(tested.rows.flatMap(({ differences }) => differences)).toEqual([]);
  expect(tested.code).toBe(0);
});

it('a recording overwrites nothing, and makes no state but that of its quotas', async () => {
  await recorded();
  const before = await text();

  const { code, stderr } = await recorded();

  expect([code, stderr]).toEqual([
    2,
    'fixtures/recorded.yaml exists, and nothing is overwritten. Rename it, or name another directory.\n',
  ]);
  expect(await text()).toBe(before);
  const status = await command(['state', 'list'], { cwd: directory.path });
  expect(status.rows.filter(({ stream }) => stream !== undefined)).toEqual([]);
});

it('a vendor that refuses leaves no file', async () => {
  vendor.script.push({ status: 401, body: { errorSummary: 'Invalid token provided' } });
  const { code, stderr } = await recorded();

  expect(code).toBe(3);
  expect(stderr).toContain('The poll failed: ');
  expect(existsSync(join(directory.path, 'fixtures/recorded.yaml'))).toBe(false);
});

interface Fixture {
  readonly partial?: boolean;
  readonly exchanges: readonly {
    readonly request: { readonly query?: Readonly<Record<string, string>> };
    readonly response: { readonly body: readonly { readonly actor: Readonly<Record<string, string>> }[] };
  }[];
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

const bodies = ({ exchanges }: Fixture) => exchanges.flatMap(({ response }) => response.body);
