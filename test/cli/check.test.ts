import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../http/support/rig.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { passTime } from '../support/network.ts';
import { arrivedEvent } from '../support/truth.ts';
import { HTML_LOGIN, loki, type ReceiverAnswer } from '../../src/simulators/otlp-receiver.ts';
import { consoleUsers } from '../../src/simulators/qradar-generator.ts';
import type { Outcome } from './support/command.ts';
import { corruptDatabase } from './support/corrupt.ts';
import { openWorld, SECRETS, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world[Symbol.asyncDispose]());

function finding({ rows }: Outcome, subject: string, probe: string) {
  return rows.find((row) => row['subject'] === subject && row['probe'] === probe);
}

function expectSound({ rows, stdout, stderr }: Outcome): void {
  for (const row of rows) {
    expect(Object.keys(row)).toEqual(['subject', 'probe', 'verdict', 'detail', 'advice']);
    expect(row['advice'] === '', JSON.stringify(row)).toBe(row['verdict'] === 'ok');
  }
  for (const secret of Object.values(SECRETS)) expect(stdout + stderr).not.toContain(secret);
}

it('check sends each vendor at most one request per route and each destination one, and writes nothing', async () => {
  await world.configure(world.blocks);

  const outcome = await world.run('check');

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(new Set(outcome.rows.map(({ verdict }) => verdict))).toEqual(new Set(['ok']));
  for (const vendor of [world.console, world.petra, world.botbye]) {
    const paths = vendor.requests.map(({ path }) => path);
    expect(paths).toEqual([...new Set(paths)]);
  }
  expect(world.receiver.exports.map(({ records }) => records)).toEqual([[]]);
  expect(existsSync(`${world.path}/state`)).toBe(false);
});

it('check predicts how long a poll takes', async () => {
  await world.configure(world.blocks);

  const outcome = await world.run('check');

  expect(finding(outcome, 'source attacks', 'quota')).toMatchObject({
    verdict: 'ok',
    detail: '1 request per 1m; a poll of 3 streams needs about 3m',
  });
});

it('check shows a table with advice on a terminal', async () => {
  world.console.tokens.clear();

  const { code, stdout } = await world.run('check', { tty: true });

  expect(code).toBe(3);
  expect(stdout).toMatch(
    /^✗ {2}source console {4}credentials {2}.* answered 401.* → Put a valid credential/m,
  );
  expect(stdout).toMatch(/^✓ {2}destination siem {2}encoding/m);
  expect(stdout).toMatch(/\d+ ok, 0 warnings, 1 failed/);
});

it('check --send-test sends an event marked as a test', async () => {
  const outcome = await world.run('check --send-test');

  expect(outcome.code).toBe(0);
  const [record] = world.receiver.received();
  const event = arrivedEvent(record!);
  expect(event['message']).toMatch(/^Test event of `penstock check --send-test`/);
  expect(ecsProblems(event)).toEqual([]);
  expect(finding(outcome, 'destination siem', 'test event')?.['detail']).toContain(record!.uid);
});

it('check makes no retries', async () => {
  world.console.onRequest = () => ({ status: 503 });

  const outcome = await world.run('check');

  expect(outcome.code).toBe(3);
  expectSound(outcome);
  expect(finding(outcome, 'source console', 'answer')).toMatchObject({ verdict: 'fail' });
  expect(new Set(world.console.requests.map(({ path }) => path)).size).toBe(world.console.requests.length);
});

it('check of a source warns of a credential sent over plain http to another host, even offline', async () => {
  await world.configure({ console: { ...world.blocks['console'], base_url: 'http://qradar.test' } });

  const outcome = await world.run('check --offline');

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(finding(outcome, 'source console', 'transport')).toMatchObject({
    verdict: 'warn',
    detail: expect.stringContaining('over plain http to qradar.test') as string,
  });
  expect(finding(outcome, 'destination siem', 'transport')).toBeUndefined();
});

it('check of a source fails on an unreachable console', async () => {
  await world.console.away();

  const outcome = await world.run('check');

  expect(outcome.code).toBe(3);
  expectSound(outcome);
  expect(finding(outcome, 'source console', 'connection')).toMatchObject({ verdict: 'fail' });
  expect(finding(outcome, 'source console', 'credentials')).toBeUndefined();
});

it('check of a source fails on an API version that the console does not offer, and names it', async () => {
  await world.configure({ console: { ...world.blocks['console'], api_version: '1.0' } });

  const outcome = await world.run('check');

  expect(outcome.code).toBe(3);
  expect(finding(outcome, 'source console', 'request')?.['detail']).toContain('api_version');
});

it('check of a source warns of a token that sees only its own rows', async () => {
  world.console.tokens.set(SECRETS.console, { userId: consoleUsers()[2]!.id });

  const outcome = await world.run('check');

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(finding(outcome, 'source console', 'rights')).toMatchObject({ verdict: 'warn' });
});

it('check of a source warns of a user directory that it may not read', async () => {
  world.console.onRequest = ({ path }) =>
    path.endsWith('/users') ? { status: 403, body: { message: 'Not yours.' } } : undefined;

  const outcome = await world.run('check');

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(finding(outcome, 'source console', 'user directory')).toMatchObject({ verdict: 'warn' });
  expect(finding(outcome, 'source console', 'rights')).toMatchObject({ verdict: 'ok' });
});

it('check of a source warns of a tenant that the vendor does not list', async () => {
  await world.configure({ incidents: { ...world.blocks['incidents'], tenants: ['nobody'] } });

  const outcome = await world.run('check');

  expect(outcome.code).toBe(0);
  expect(finding(outcome, 'source incidents', 'tenants')).toMatchObject({
    verdict: 'warn',
    detail: '0 tenants found; not found: nobody',
  });
});

it('check of a source warns of clocks that are more than a minute apart', async () => {
  const ours = { ...world.clock, now: () => world.clock.now() - 300_000 };

  const outcome = await world.run('check', { clock: ours });

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(finding(outcome, 'source console', 'clock')).toMatchObject({
    verdict: 'warn',
    detail: expect.stringMatching(/^The vendor's clock is (5m|4m 59s|5m 1s) ahead of ours$/) as string,
  });
});

it('check of a source warns of clocks that are further apart than settle and overlap', async () => {
  const ours = { ...world.clock, now: () => world.clock.now() - 20_000 };
  await world.configure({ console: { ...world.blocks['console'], settle: '5s', overlap: '5s' } });

  const outcome = await world.run('check', { clock: ours });

  expect(finding(outcome, 'source console', 'clock')).toMatchObject({
    verdict: 'warn',
    detail: expect.stringMatching(/^The vendor's clock is (20s|19s|21s) ahead of ours$/) as string,
  });
});

/** What gRPC is served on: HTTP/2, without TLS. */
async function http2Port() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, 'close');
    },
  };
}

it.each<[string, ReceiverAnswer, string]>([
  ['401', { status: 401 }, 'credentials'],
  ['404', { status: 404 }, 'endpoint'],
  ['415', { status: 415 }, 'encoding'],
  ['503', { status: 503 }, 'answer'],
  ['a login page', HTML_LOGIN, 'answer'],
])('check of a destination fails when it responds with %s', async (_, answer, probe) => {
  world.receiver.answer = () => answer;

  const outcome = await world.run('check');

  expect(outcome.code).toBe(4);
  expectSound(outcome);
  expect(finding(outcome, 'destination siem', probe)).toMatchObject({ verdict: 'fail' });
});

it('check of a destination warns of a response that cannot be read, and says what goes unnoticed', async () => {
  world.receiver.answer = () => ({ status: 200, body: 'OK' });

  const outcome = await world.run('check --send-test');

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(finding(outcome, 'destination siem', 'answer')).toMatchObject({
    verdict: 'warn',
    advice: expect.stringContaining('go unnoticed') as string,
  });
  expect(outcome.rows.filter(({ probe }) => probe === 'answer')).toHaveLength(1);
});

it('check of a destination accepts an empty success labelled as a page', async () => {
  world.receiver.answer = () => ({ status: 204, headers: { 'content-type': 'text/html' } });

  const outcome = await world.run('check --send-test');

  expect(outcome.code).toBe(0);
  expect(finding(outcome, 'destination siem', 'test event')).toMatchObject({ verdict: 'ok' });
});

it('check of a destination recognises a gRPC port and names the one for HTTP', async () => {
  await using grpc = await http2Port();
  await world.configure(world.blocks, { destinations: { siem: { endpoint: grpc.url } } });

  const outcome = await world.run('check');

  expect(outcome.code).toBe(4);
  expectSound(outcome);
  expect(finding(outcome, 'destination siem', 'connection')).toMatchObject({
    verdict: 'fail',
    advice: expect.stringMatching(/gRPC port.*4318/) as string,
  });
});

it('check of a destination treats 422 for an empty request as accepted', async () => {
  world.receiver.answer = loki();

  const outcome = await world.run('check');

  expect(outcome.code).toBe(0);
  expect(finding(outcome, 'destination siem', 'encoding')).toMatchObject({ verdict: 'ok' });
});

it('check of a destination fails when it is unreachable; a failed source determines the exit code', async () => {
  await world.receiver.away();

  const alone = await world.run('check');
  world.console.tokens.clear();
  const both = await world.run('check');

  expect([alone.code, both.code]).toEqual([4, 3]);
  expectSound(alone);
  expect(finding(alone, 'destination siem', 'connection')).toMatchObject({ verdict: 'fail' });
});

it('check exits 5 for a database that is corrupt', async () => {
  await world.run('once');
  await corruptDatabase(`${world.path}/state`);

  const { code, stderr } = await world.run('check');

  expect(code).toBe(5);
  expect(stderr).toContain('is corrupt');
});

it('check exits 5 when the state belongs to another console of that name', async () => {
  await world.run('once');
  await world.configure({ console: { ...world.blocks['console'], base_url: 'http://127.0.0.1:1' } });

  const checked = await world.run('check');
  const previewed = await world.run('preview console');

  expect([checked.code, previewed.code]).toEqual([5, 5]);
  expect(checked.stderr).toContain('state reset console');
});

it('check exits 3 when it is stopped', async () => {
  world.console.script.push({ status: 200, fault: 'hang' });
  const stop = new AbortController();

  const checked = world.run('check', { stop: stop.signal });
  await world.console.asked(1);
  stop.abort();

  expect(await checked).toMatchObject({ code: 3, stderr: 'Stopped before it was done.\n' });
});

it('check --offline sends no request and writes nothing', async () => {
  const outcome = await world.run('check --offline');

  expect(outcome.code).toBe(0);
  expectSound(outcome);
  expect(outcome.rows.map(({ subject, probe }) => [subject, probe])).toEqual([
    ['source console', 'config'],
    ['destination siem', 'config'],
  ]);
  expect(world.console.requests).toEqual([]);
  expect(world.receiver.requests).toEqual([]);
  expect(existsSync(`${world.path}/state`)).toBe(false);
});

it('check --offline exits 2 when a secret file is missing', async () => {
  const { token: _, ...block } = world.blocks['console']!;
  await world.configure({ console: { ...block, token_file: '/nonexistent/token' } });

  const outcome = await world.run('check --offline');

  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toContain('token_file');
});

it('spends from the budget of the state, and waits for a free slot where it can be seen', async () => {
  const clock = new DrivenClock();
  await using slow = await openWorld({ clock });
  await slow.configure({
    console: { ...slow.blocks['console'], resolve_users: false, quota: { requests: 1, per: '1m' } },
  });
  await passTime(clock, slow.run('once --deadline 5s'));
  const asked = slow.console.requests.length;

  const before = clock.now();
  const check = slow.run('check');
  let ended = false;
  void check.then(() => (ended = true));
  await until(() => clock.next !== undefined);
  expect(slow.console.requests).toHaveLength(asked);
  const outcome = await passTime(clock, check);

  expect(ended).toBe(true);
  expect(outcome.code).toBe(0);
  expect(outcome.stderr).toContain('Request is waiting for its quota.');
  expect(clock.now() - before).toBeGreaterThan(30_000);
  expect(slow.console.requests).toHaveLength(asked + 1);
});

it('a configuration without sources is a warning of check and once, and not of a command that polls nothing', async () => {
  await world.configure({});

  const offline = await world.run('check --offline --json');
  const online = await world.run('check --json');
  const once = await world.run('once');
  const replay = await world.run('replay --destination siem --from 1h');

  const warning = expect.objectContaining({ subject: 'sources', verdict: 'warn' }) as unknown;
  expect([offline.code, online.code]).toEqual([0, 0]);
  expect(offline.rows).toContainEqual(warning);
  expect(online.rows).toContainEqual(warning);
  expect(once.stderr.match(/The configuration has no source, so nothing is polled/g)).toHaveLength(1);
  expect(replay.code).toBe(0);
  expect(replay.stderr).not.toContain('no source');
});
