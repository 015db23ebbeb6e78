import { afterEach, beforeEach, expect, it } from 'vitest';
import { command } from '../cli/support/command.ts';
import { type Lab, openLab } from '../support/app.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { fillJournal } from '../support/fill-journal.ts';
import { parsePrometheus } from '../support/prometheus.ts';
import type { State } from '../../src/core/state.ts';
import { isoTime } from '../../src/ecs/common.ts';
import { adminRoutes } from '../../src/observe/admin.ts';
import { DESTINATION_STATES, SOURCE_STATES } from '../../src/observe/states.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { takeSnapshot } from '../../src/observe/snapshot.ts';
import {
  ACCEPTED,
  type Receiver,
  type ReceiverAnswer,
  startReceiver,
} from '../../src/simulators/otlp-receiver.ts';
import { loginAttempt, loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { type SimulatedConsole, startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { throttled } from '../../src/simulators/server.ts';

const TOKEN = 'token-of-the-states-test';
const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const random = seeded(23);
let clock: DrivenClock;
let console: SimulatedConsole;
let receiver: Receiver;
let metrics: Metrics;
let lab: Lab;

beforeEach(async () => {
  clock = new DrivenClock();
  const now = clock.now();
  const rows = loginAttempts({ random, count: 20, from: now - HOUR, to: now - 2 * MINUTE });
  console = await startConsole({ clock, token: TOKEN, rows });
  receiver = await startReceiver({ clock });
  metrics = new Metrics({ resource: {}, startedAt: now });
  lab = await openWith({});
});

afterEach(async () => {
  await metrics[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
  await console[Symbol.asyncDispose]();
});

function openWith(options: Readonly<Record<string, unknown>>): Promise<Lab> {
  const type = 'qradar-login-attempts';
  const source = { type, base_url: console.url, token: TOKEN, schedule: 'every 1m', ...options };
  return openLab({
    clock,
    state: { max_bytes: '8MiB', retain: '0s' },
    lookEvery: 500,
    config: {
      // Compressing takes real time, in which a driven clock would run on.
      destinations: { siem: { endpoint: receiver.url, compression: 'none' } },
      sources: { console: source },
    },
  });
}

async function startHealthy(): Promise<void> {
  await lab.open();
  lab.start();
  await lab.advance(2 * SECOND);
}

function signIn(): void {
  console.add([loginAttempt(random, clock.now() - 2 * MINUTE, console.users)]);
}

interface Row extends Record<string, unknown> {
  readonly state: string;
}

interface Shown {
  /** As `status --json` beside the daemon shows it. */
  readonly row: Row;
  /** `/readyz`: its status, and its reasons. */
  readonly ready: readonly [number, ...string[]];
  readonly stale: number | undefined;
}

/** What everything shows of the only source or destination, once it was seen that all of it is the same. */
async function shown(what: 'source' | 'destination'): Promise<Shown> {
  const { sources, destinations } = await takeSnapshot(lab.app);
  const [one] = what === 'source' ? sources : destinations;
  const state = one?.state as State<string>;
  const row = await statusRow(what);
  expect(row).toMatchObject({
    state: state.name,
    since: state.since === undefined ? null : isoTime(state.since),
    reason: state.reason ?? null,
    until: state.until === undefined ? null : isoTime(state.until),
  });
  expect(await pageRow(what)).toMatch(new RegExp(`<span class="is \\w+">${state.name}</span>`));
  const names = what === 'source' ? SOURCE_STATES : DESTINATION_STATES;
  const name = what === 'source' ? 'console' : 'siem';
  const series = await gauge(`penstock_${what}_state`);
  expect(Object.fromEntries(series)).toEqual(
    Object.fromEntries(
      names.map((other) => [`${what}="${name}",state="${other}"`, other === state.name ? 1 : 0]),
    ),
  );
  const stale = await gauge('penstock_source_stale');
  return { row, ready: await readyz(), stale: stale.get('source="console"') };
}

async function statusRow(what: 'source' | 'destination'): Promise<Row> {
  const { rows, code } = await command(['status', '--json', '-c', `${lab.directory}/penstock.yaml`], {
    clock,
  });
  expect(code).toBe(0);
  const [row] = (rows[0]?.[`${what}s`] ?? []) as Row[];
  if (row === undefined) throw new Error(`status shows no ${what}`);
  return row;
}

async function get(path: string, query = '') {
  const answer = await adminRoutes({ observed: async () => lab.app, metrics }).get(path)?.(
    new URLSearchParams(query),
  );
  if (answer === undefined) throw new Error(`no route ${path}`);
  return answer;
}

/** The row of the only source or destination on the status page. */
async function pageRow(what: 'source' | 'destination'): Promise<string> {
  const [, row = ''] =
    new RegExp(`<table class="${what}s">.*?<tbody>(.*?)</tbody>`, 's').exec((await get('/')).body) ?? [];
  return row;
}

/** As it is read: without its markup. */
function textOf(markup: string): string {
  return markup
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

async function gauge(name: string): Promise<ReadonlyMap<string, number>> {
  const family = parsePrometheus((await get('/metrics')).body).get(name);
  expect(family?.type).toBe('gauge');
  return family?.series ?? new Map();
}

async function readyz(query = ''): Promise<[number, ...string[]]> {
  const { status, body } = await get('/readyz', query);
  const { reasons } = JSON.parse(body) as { reasons: { subject: string; reason: string }[] };
  return [status, ...reasons.map(({ subject, reason }) => `${subject}: ${reason}`)];
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

interface SourceSituation {
  readonly is: string;
  readonly of: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly arrange: () => Promise<void> | void;
  /** Of time, after it was arranged. */
  readonly after?: number;
  readonly row: Readonly<Record<string, unknown>>;
  readonly ready: readonly [number, ...string[]];
  readonly stale?: number;
}

const SOURCES: readonly SourceSituation[] = [
  {
    is: 'refused',
    of: 'a 401',
    arrange: () => void (console.onRequest = () => ({ status: 401 })),
    row: { since: TIME, reason: expect.stringContaining('answered 401'), until: TIME },
    ready: [503, 'source console: unauthorised'],
  },
  {
    is: 'refused',
    of: 'a 403',
    arrange: () => void (console.onRequest = () => ({ status: 403 })),
    row: { since: TIME, reason: expect.stringContaining('answered 403'), until: TIME },
    ready: [503, 'source console: unauthorised'],
  },
  {
    is: 'refused',
    of: 'a 422',
    arrange: () =>
      void (console.onRequest = () => ({ status: 422, body: { code: 1005, message: 'not valid' } })),
    row: { since: TIME, reason: expect.stringContaining('answered 422'), until: null },
    ready: [503, 'source console: misconfigured'],
  },
  {
    is: 'throttled',
    of: 'a 429',
    arrange: () => void console.script.push(throttled(600)),
    row: { since: TIME, reason: expect.stringContaining('The vendor asked us to wait until'), until: TIME },
    ready: [503, 'source console: throttled'],
  },
  {
    is: 'throttled',
    of: 'a budget that is spent',
    options: { quota: { requests: 4, per: '1h' } },
    arrange: () => lab.advance(4 * MINUTE),
    row: { since: TIME, reason: expect.stringContaining('is spent; the next one is sent at'), until: TIME },
    ready: [503, 'source console: stale', 'source console: throttled'],
    stale: 1,
  },
  {
    is: 'waiting',
    of: 'a journal that is full',
    async arrange() {
      receiver.answer = () => ({ status: 503 });
      await fill();
    },
    row: { since: TIME, reason: expect.stringContaining('state.max_bytes'), until: null },
    ready: [503, 'journal: overflowing'],
  },
  {
    is: 'failing',
    of: 'a vendor that answers 500',
    arrange: () => void (console.onRequest = () => ({ status: 500 })),
    row: { since: TIME, reason: expect.stringContaining('answered 500'), until: TIME },
    ready: [200],
  },
  {
    is: 'failing',
    of: 'the same for so long that it is stale as well',
    arrange: () => void (console.onRequest = () => ({ status: 500 })),
    after: 10 * MINUTE,
    row: { since: TIME, reason: expect.stringContaining('answered 500'), until: TIME },
    ready: [503, 'source console: stale'],
    stale: 1,
  },
  {
    is: 'stale',
    of: 'polls that are not made',
    // The time that is left until the next poll stays as it is.
    arrange: () => clock.jump(10 * MINUTE),
    after: SECOND,
    row: { since: TIME, reason: expect.stringContaining('No complete poll'), until: TIME },
    ready: [503, 'source console: stale'],
    stale: 1,
  },
  {
    is: 'healthy',
    of: 'polls that are complete',
    arrange: () => undefined,
    row: { since: null, reason: null, until: null },
    ready: [200],
  },
];

it('a source is starting before its first poll has ended, and not ready', async () => {
  await lab.open();

  expect(await statusRow('source')).toMatchObject({
    state: 'starting',
    since: null,
    reason: 'No poll has ended yet.',
    until: null,
    stale: true,
  });
  expect((await gauge('penstock_source_state')).get('source="console",state="starting"')).toBe(1);
  expect((await gauge('penstock_source_stale')).get('source="console"')).toBe(1);
  expect(textOf(await pageRow('source'))).toContain('starting for 0s No poll has ended yet.');
  expect(await readyz()).toEqual([503, 'source console: stale']);
});

it.for(SOURCES)('is $is after $of, and everything shows it', async (situation) => {
  const { is, options, arrange, after = 2 * MINUTE, row, ready, stale = 0 } = situation;
  if (options !== undefined) {
    await lab[Symbol.asyncDispose]();
    lab = await openWith(options);
  }
  await startHealthy();

  await arrange();
  await lab.advance(after);
  const seen = await shown('source');

  expect(seen.row).toMatchObject({ state: is, ...row });
  expect([seen.ready, seen.stale]).toEqual([ready, stale]);
});

it('a source that is refused until its options are corrected has no next poll, neither on the page nor in the table', async () => {
  await startHealthy();
  console.onRequest = () => ({ status: 422, body: { code: 1005, message: 'not valid' } });
  await lab.advance(2 * MINUTE);

  expect(textOf(await pageRow('source'))).not.toMatch(/, next |Next try/);
  const { stdout } = await command(['status', '-c', `${lab.directory}/penstock.yaml`], {
    clock,
    tty: true,
  });
  expect(stdout).toContain('after the options are corrected');
});

it('a source that is refused is tried again in an hour, and not in the minute of its schedule', async () => {
  await startHealthy();
  console.onRequest = () => ({ status: 401 });
  await lab.advance(2 * MINUTE);

  const { row } = await shown('source');

  const until = Date.parse(String(row['until'])) - clock.now();
  expect(until).toBeGreaterThan(58 * MINUTE);
  expect(until).toBeLessThanOrEqual(HOUR);
});

it('a source says in the log, once, that its state is another', async () => {
  await startHealthy();
  console.onRequest = () => ({ status: 401 });

  await lab.advance(5 * MINUTE);

  const lines = lab.log.filter((line) => line.includes('The state of a source changed.'));
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    {
      penstock: {
        source: 'console',
        state: 'refused',

        since: TIME,
        next_try_at: TIME,
      },
      error: { message: expect.stringContaining('answered 401') },
    },
  ]);
});

it('a source that failed is healthy again after a poll that is complete, within a second beside the daemon', async () => {
  await startHealthy();
  console.onRequest = () => ({ status: 500 });
  await lab.advance(2 * MINUTE);
  expect((await shown('source')).row.state).toBe('failing');
  console.onRequest = undefined;

  await lab.advance(2 * MINUTE);

  expect((await shown('source')).row.state).toBe('healthy');
});

it('a source that is refused is so after a restart too, since then', async () => {
  await startHealthy();
  console.onRequest = () => ({ status: 401 });
  await lab.advance(2 * MINUTE);
  const before = (await shown('source')).row;
  await lab.stop();
  const stopped = await statusRow('source');
  await clock.advance(MINUTE);

  await lab.open();
  const row = await statusRow('source');
  const ready = await readyz();

  expect(stopped).toMatchObject({ state: 'refused', since: before['since'] });
  expect(row).toMatchObject({ state: 'refused', since: before['since'], reason: before['reason'] });
  expect(ready).toEqual([503, 'source console: unauthorised']);
});

it('/readyz?scope=process is 200 whatever a source or a destination is', async () => {
  await startHealthy();
  console.onRequest = () => ({ status: 401 });
  receiver.answer = () => ({ status: 401 });
  signIn();
  await lab.advance(10 * MINUTE);

  expect(await readyz('scope=process')).toEqual([200]);
  expect((await readyz())[0]).toBe(503);
});

it('/readyz?scope=process is 503 while the journal has no room', async () => {
  await startHealthy();
  receiver.answer = () => ({ status: 503 });
  await fill();

  expect(await readyz('scope=process')).toEqual([503, 'journal: overflowing']);
});

it('/readyz?scope=process is 503 while the state cannot be used, and names a reload that was rejected', async () => {
  const reloadFailed = { since: clock.now(), reason: 'sources.console: nonsense' };
  const unavailable = {
    reason: 'state-unavailable',
    since: clock.now(),
    detail: 'a command holds it',
  } as const;
  const routes = adminRoutes({ observed: async () => ({ unavailable, reloadFailed }), metrics });

  const answer = await routes.get('/readyz')?.(new URLSearchParams('scope=process'));

  expect(answer?.status).toBe(503);
  expect(answer?.body).toContain('state-unavailable');
  expect(answer?.body).toContain('reload-failed');
});

it.for(['scope=', 'scope=pod', 'scope=process&scope=process'])('is 400 for %s', async (query) => {
  await lab.open();

  const { status, body } = await get('/readyz', query);

  expect([status, body]).toEqual([400, expect.stringContaining('/readyz?scope=process')]);
});

it('a reload that is rejected is a metric, a line of status and a reason of both scopes, and never a 503', async () => {
  await startHealthy();
  lab.app.live.reloaded('penstock.yaml sources.console: nonsense');
  await lab.advance(SECOND);

  const args = ['status', '-c', `${lab.directory}/penstock.yaml`];
  const { rows } = await command([...args, '--json'], { clock });
  const { stdout } = await command(args, { clock, tty: true });

  expect(await readyz()).toEqual([200, 'configuration: reload-failed']);
  expect(await readyz('scope=process')).toEqual([200, 'configuration: reload-failed']);
  expect(await gauge('penstock_config_last_reload_successful')).toEqual(new Map([['', 0]]));
  expect(rows).toMatchObject([
    { reload_failed: { since: TIME, reason: 'penstock.yaml sources.console: nonsense' } },
  ]);
  expect(stdout).toMatch(/^Reload rejected 1s ago; keeping the previous configuration: .*nonsense$/m);

  lab.app.live.reloaded(undefined);
  await lab.advance(SECOND);
  expect(await readyz()).toEqual([200]);
  expect(await gauge('penstock_config_last_reload_successful')).toEqual(new Map([['', 1]]));
  expect((await command([...args, '--json'], { clock })).rows).toMatchObject([{ reload_failed: null }]);
});

interface DestinationSituation {
  readonly is: string;
  readonly of: string;
  readonly answer: () => ReceiverAnswer;
  readonly after?: number;
  readonly row: Readonly<Record<string, unknown>>;
  readonly ready: readonly [number, ...string[]];
}

const WAITS = { since: TIME, until: TIME, waiting: 1, oldest: TIME };

const DESTINATIONS: readonly DestinationSituation[] = [
  {
    is: 'paused',
    of: 'a 401',
    answer: () => ({ status: 401 }),
    row: { ...WAITS, reason: 'HTTP 401', paused: true },
    ready: [503, 'destination siem: destination-paused'],
  },
  {
    is: 'unreachable',
    of: 'a 429',
    answer: () => ({ status: 429, words: 'slow down' }),
    row: { ...WAITS, reason: 'HTTP 429: slow down', paused: false },
    ready: [200],
  },
  {
    is: 'unreachable',
    of: 'a 503',
    answer: () => ({ status: 503, words: 'busy' }),
    row: { ...WAITS, reason: 'HTTP 503: busy' },
    ready: [200],
  },
  {
    is: 'unreachable',
    of: 'the same for longer than its allowance',
    answer: () => ({ status: 503, words: 'busy' }),
    after: 10 * MINUTE,
    row: { ...WAITS, reason: 'HTTP 503: busy' },
    ready: [503, 'destination siem: destination-unreachable'],
  },
  {
    is: 'unreachable',
    of: 'no answer',
    answer: () => ({ status: 200, fault: 'reset' }),
    row: { ...WAITS, reason: expect.stringContaining('no answer') },
    ready: [200],
  },
  {
    is: 'rejecting',
    of: 'records that it rejects for good',
    answer: () => ({ status: 400, words: 'Log line is too long' }),
    row: { since: TIME, reason: expect.stringContaining('1 event was rejected'), dead_letters: 1 },
    ready: [200],
  },
  {
    is: 'healthy',
    of: 'records that it takes',
    answer: () => ACCEPTED,
    row: { since: null, reason: null, until: null, waiting: 0, dead_letters: 0, oldest: null },
    ready: [200],
  },
];

it.for(DESTINATIONS)('is $is after $of, and everything shows it', async (situation) => {
  const { is, answer, after = 2 * MINUTE, row, ready } = situation;
  await startHealthy();
  receiver.answer = answer;
  signIn();

  await lab.advance(after);
  const seen = await shown('destination');

  expect(seen.row).toMatchObject({ state: is, ...row });
  expect(seen.ready).toEqual(ready);
});

it('a destination that does not answer is unreachable since the first request without an answer, also across a restart', async () => {
  await startHealthy();
  receiver.answer = () => ({ status: 503 });
  signIn();
  await lab.advance(2 * MINUTE);
  const before = (await shown('destination')).row;
  await lab.advance(MINUTE);
  await lab.stop();
  await clock.advance(2 * MINUTE);

  await lab.open();
  const opened = (await shown('destination')).row;
  // The next try that was noted is past: it is made at once.
  expect(opened['until']).toBe(isoTime(clock.now()));
  lab.start();
  await lab.advance(MINUTE);
  const later = (await shown('destination')).row;

  expect(before.state).toBe('unreachable');
  for (const row of [opened, later])
    expect(row).toMatchObject({ state: 'unreachable', since: before['since'] });
});

/** More than the journal's cap. */
const fill = () => fillJournal(lab.app.journal, { pages: 700, bytes: 14_000, now: clock.now() });
