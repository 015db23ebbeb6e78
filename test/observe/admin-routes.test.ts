import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Lab, openLab } from '../support/app.ts';
import { adminRoutes } from '../../src/observe/admin.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { parsePrometheus } from '../support/prometheus.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { ACCEPTED, type Receiver, startReceiver } from '../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';

const TOKEN = 'token-of-the-routes-test';
const MINUTE = 60_000;

let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let lab: Lab;
let metrics: Metrics;

beforeEach(async () => {
  clock = new DrivenClock();
  const now = clock.now();
  const rows = loginAttempts({
    random: seeded(17),
    count: 20,
    from: now - 60 * MINUTE,
    to: now - 2 * MINUTE,
  });
  console = await startConsole({ clock, token: TOKEN, rows });
  receiver = await startReceiver({ clock });
  lab = await openLab({
    clock,
    config: {
      admin: { listen: '127.0.0.1:0', allowances: { throttled: '1h' } },
      destinations: { siem: { endpoint: receiver.url } },
      sources: {
        console: { type: 'qradar-login-attempts', base_url: console.url, token: TOKEN, schedule: 'every 1m' },
      },
    },
  });
  metrics = new Metrics({ resource: {}, startedAt: now });
  await lab.open();
});

afterEach(async () => {
  await metrics[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

async function get(path: string) {
  const route = adminRoutes({ observed: async () => lab.app, metrics }).get(path);
  if (route === undefined) throw new Error(`no route ${path}`);
  return route();
}

async function pageOf(query: string): Promise<string> {
  const answer = await adminRoutes({ observed: async () => lab.app, metrics }).get('/')?.(
    new URLSearchParams(query),
  );
  return answer?.body ?? '';
}

async function getJson(path: string) {
  const { status: code, body } = await get(path);
  return { code, ...(JSON.parse(body) as { status: string; reasons: Record<string, string>[] }) };
}

it('/readyz shows subject, reason, detail and since when', async () => {
  const before = await getJson('/readyz');
  lab.start();
  await lab.advance(1_000);
  const after = await getJson('/readyz');

  expect(before).toMatchObject({ code: 503, status: 'not ready' });
  expect(before.reasons).toEqual([
    {
      subject: 'source console',
      reason: 'stale',
      detail: 'No complete poll has ended yet.',
      since: new Date(clock.now() - 1_000).toISOString(),
    },
  ]);
  expect(after).toEqual({ code: 200, status: 'ready', reasons: [] });
});

it('/readyz is 503 when the journal cannot be read', async () => {
  const { app } = lab;
  const broken = {
    ...app,
    journal: { ...app.journal, room: () => Promise.reject(new Error('disk gone')) },
  };

  const answer = await adminRoutes({ observed: async () => broken, metrics }).get('/readyz')?.();

  expect(answer?.status).toBe(503);
  expect(answer?.body).toContain('disk gone');
});

it('/livez does not fail for a bad token, an unreachable receiver or a clock that jumps', async () => {
  console.onRequest = () => ({ status: 401 });
  receiver.answer = () => ({ status: 503 });
  lab.start();
  await lab.advance(30 * MINUTE);
  clock.jump(24 * 60 * MINUTE);
  await lab.advance(1_000);

  expect(await getJson('/livez')).toEqual({ code: 200, status: 'alive', reasons: [] });
  expect((await getJson('/readyz')).code).toBe(503);
});

it('/livez is 503 when a loop hangs', async () => {
  lab.start();
  await lab.advance(1_000);
  lab.app.live.pulse.expect('journal', 0);
  lab.app.live.pulse.expect('source stuck', 0);

  await lab.advance(20 * MINUTE);

  expect(await getJson('/livez')).toMatchObject({
    code: 503,
    status: 'stuck',
    reasons: [{ subject: 'source stuck', reason: 'stuck' }],
  });
});

it('/metrics is the text format of Prometheus', async () => {
  lab.start();
  await lab.advance(1_000);

  const { status, type, body } = await get('/metrics');

  expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  expect(parsePrometheus(body).get('penstock_events_total')?.type).toBe('counter');
});

it('the status page is self-contained, and shows responses of others as text', async () => {
  receiver.answer = () => ({ status: 401, words: '<script>alert("x")</script>' });
  lab.start();
  await lab.advance(MINUTE);

  const { type, body } = await get('/');

  expect(type).toBe('text/html; charset=utf-8');
  expect(body).toContain('not ready');
  expect(body).toContain('destination-paused');
  expect(body).not.toContain('<script');
  expect(body).toContain('&lt;script&gt;');
  expect(body).not.toMatch(/(src|href)="(?!\/)/);
  expect(body).not.toContain(TOKEN);
  receiver.answer = () => ACCEPTED;
});

it('the status page shows what its query asks for, and keeps the filter when it reloads', async () => {
  lab.start();
  await lab.advance(1_000);

  const [all, console, none, unknown, paused] = await Promise.all(
    ['', 'q=LOGIN console', 'q=console elsewhere', 'state=odd', 'state=healthy&refresh=off'].map(pageOf),
  );

  expect(all).toContain('>console<');
  expect(console).toContain('>console<');
  expect(console).toContain('No destination matches the filter.');
  for (const empty of [none, unknown]) expect(empty).toContain('No source matches the filter.');
  for (const body of [all, console, none, unknown])
    expect(body).toContain('<meta http-equiv="refresh" content="10" />');
  expect(paused).not.toContain('http-equiv="refresh"');
  expect(paused).toContain('<input type="hidden" name="refresh" value="off" />');
});

it('the status page waits for a state that cannot be used, with the filter that it has', async () => {
  const unavailable = { reason: 'state-unavailable', since: 0, detail: 'A <command> holds it.' } as const;
  const route = adminRoutes({
    observed: async () => ({ unavailable, reloadFailed: undefined }),
    metrics,
  }).get('/');

  const answer = await route?.(new URLSearchParams('q=console'));

  expect(answer).toMatchObject({ status: 503, type: 'text/html; charset=utf-8' });
  expect(answer?.body).toContain('Waiting for the state. A &lt;command&gt; holds it.');
  expect(answer?.body).toContain('<meta http-equiv="refresh" content="10" />');
});
