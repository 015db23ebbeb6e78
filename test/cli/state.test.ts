import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { arrivedTuple, multiset, tupleOf } from '../support/truth.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { Journal } from '../../src/journal/journal.ts';
import { openJournal, openJournalReadOnly } from '../../src/journal/sqlite/open.ts';
import { ACCEPTED } from '../../src/simulators/otlp-receiver.ts';
import type { LoginAttempt } from '../../src/simulators/qradar-attempts.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import type { SimulatedRequest } from '../../src/simulators/server.ts';
import { corruptDatabase } from './support/corrupt.ts';
import { openWorld, SECRETS, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ attacksPerMinute: 1_000 });
});

afterEach(() => world[Symbol.asyncDispose]());

const state = () => `${world.path}/state`;

/** A clock on which waiting takes no time. */
function hurried(): Clock {
  let now = Date.now();
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms;
    },
  };
}

const MINUTE = 60_000;

/** Where the window begins that a request of the console asks for, epoch ms. */
function startAsked(request: SimulatedRequest | undefined): number {
  return Number(/attempt_time >= (\d+)/.exec(request?.query.get('filter') ?? '')?.[1]);
}

/** The state as a process that goes on running has it. */
function held(): Promise<Journal> {
  return openJournal({ path: state(), maxBytes: 2 ** 30, retain: 0 });
}

async function cursorOf(name: string): Promise<unknown> {
  await using view = await openJournalReadOnly(state());
  return (await view.streams.all()).find(({ source }) => source === name)?.cursor;
}

/** Each row of the console arrived, in records of ids of their own. Read anew, a record has another `event.created`. */
function expectTruth(): void {
  const records = [...world.receiver.ids().values()].flatMap(([first]) => first ?? []);
  expect(multiset(records.map(arrivedTuple))).toEqual(
    multiset((world.console.rows as LoginAttempt[]).map(tupleOf)),
  );
}

function expectNoRepeats(): void {
  expect(world.receiver.received()).toHaveLength(world.receiver.ids().size);
}

const streamsOf = ({ stdout }: { readonly stdout: string }): unknown =>
  (JSON.parse(stdout) as { streams: unknown }).streams;

/** What of a counter's tellings is not the same in all of them. */
const TELLING = /^(event\.(created|id)|message|log\.record\.uid|.*\.(count|delta|final))$/;

const seriesOf = (event: object) =>
  JSON.stringify(Object.entries(event).filter(([name]) => !TELLING.test(name)));

/** The sum of `delta` of each counter is its last count: no telling is missing or double. */
function expectSums(events: readonly Readonly<Record<string, unknown>>[]): void {
  for (const [name, tellings] of Map.groupBy(events, seriesOf)) {
    const sum = tellings.reduce((total, event) => total + Number(event['botbye.declined_requests.delta']), 0);
    expect(sum, name).toBe(Number(tellings.at(-1)?.['botbye.declined_requests.count']));
  }
}

function addRows(count: number, seed: number): void {
  const now = world.clock.now();
  const users = world.console.users;
  world.console.add(
    loginAttempts({ random: seeded(seed), count, from: now - 100_000, to: now - 70_000, users }),
  );
}

it('state list lists streams and destinations', async () => {
  await world.run('once');
  world.receiver.answer = () => ({ status: 401 });
  addRows(3, 2);
  await world.run('once');

  const { code, rows } = await world.run('state list');

  expect(code).toBe(0);
  expect(rows).toEqual([
    {
      source: 'console',
      type: 'qradar-login-attempts',
      stream: `qradar-login-attempts|${world.console.url}|`,
      cursor: expect.objectContaining({ next: expect.any(Number) as number }) as unknown,
      ledger: expect.any(Number) as number,
      last_complete: expect.stringMatching(/Z$/) as string,
      last_error: null,
      next_due: null,
    },
    {
      destination: 'siem',
      position: { sequence: expect.any(Number) as number, offset: 0 },
      waiting: 3,
      paused: true,
      reason: expect.stringContaining('401') as string,
    },
  ]);
});

it('state list shows tables on a terminal', async () => {
  await world.run('once');

  const { stdout } = await world.run('state list', { tty: true });

  expect(stdout).toMatch(/^SOURCE +STREAM +CURSOR +LEDGER +LAST COMPLETE/);
  expect(stdout).toMatch(/^siem +\d+\/0 +0/m);
});

it('state list says that the state is empty and creates none', async () => {
  const { code, stderr } = await world.run('state list', { tty: true });

  expect(code).toBe(0);
  expect(stderr).toContain('penstock once');
  expect(existsSync(state())).toBe(false);
});

it('state show shows everything about a source and the state', async () => {
  await world.run('once');

  const { code, rows } = await world.run('state show console');
  const people = await world.run('state show console', { tty: true });

  expect(code).toBe(0);
  expect(rows).toMatchObject([
    {
      source: 'console',
      orphaned: false,
      coverage: [{ from: expect.any(String) as string, to: expect.any(String) as string }],
      gaps: [],
      polls: [{ outcome: 'complete', rows: 40, new: 40 }],
    },
    { state: state(), events: 0, destinations: [{ destination: 'siem', waiting: 0 }] },
  ]);
  expect(parse(people.stdout.split('\n\n')[0] ?? '')).toMatchObject({ source: 'console' });
});

it('state show exits 2 for an unknown source', async () => {
  expect((await world.run('state show consol')).code).toBe(2);
});

it('state rewind makes the next poll read again, and sends nothing that the state still knows', async () => {
  await world.configure({ console: { ...world.blocks['console'], overlap: '2h', resolve_users: false } });
  await world.run('once');
  const asked = world.console.requests.length;

  const rewound = await world.run('state rewind console --to 90m');
  await world.run('once');

  expect(rewound.code).toBe(0);
  expect(rewound.rows).toMatchObject([{ source: 'console' }]);
  const [{ cursor }] = rewound.rows as [{ cursor: { next: number } }];
  expect(Math.abs(cursor.next - (Date.now() - 90 * MINUTE))).toBeLessThan(MINUTE);
  expect(startAsked(world.console.requests[asked])).toBe(cursor.next - 120 * MINUTE);
  expectTruth();
  expectNoRepeats();
});

it('state rewind reads late rows, and sends what the state has forgotten under the same ids', async () => {
  await world.configure({ console: { ...world.blocks['console'], overlap: '1s' } });
  await world.run('once');
  const [row] = world.console.rows as LoginAttempt[];
  world.console.add([{ ...row!, attempt_time: row!.attempt_time + 1 }]);
  await world.run('once');
  const before = world.receiver.received().length;

  await world.run('state rewind console --to 2h');
  await world.run('once');

  expect(before).toBe(40);
  expectTruth();
});

it('state rewind never moves a cursor forward', async () => {
  await world.run('once');
  const before = await cursorOf('console');

  const { code, stderr } = await world.run('state rewind console --to 0s');

  expect(code).toBe(0);
  expect(stderr).toContain('nothing was changed');
  expect(await cursorOf('console')).toEqual(before);
});

it.each(['incidents', 'attacks'])('state rewind rewinds %s', async (name) => {
  const quota = { requests: 1_000, per: '1m' };
  await world.configure({ [name]: { ...world.blocks[name], quota, initial_lookback: '5d' } });
  await world.run('once');
  const before = await cursorOf(name);

  const { code, rows } = await world.run(`state rewind ${name} --to 3d`);

  expect(code).toBe(0);
  expect(rows.length).toBeGreaterThan(0);
  expect(await cursorOf(name)).not.toEqual(before);
});

it.each([
  ['state rewind declined --to 1h', 2, 'cannot be rewound'],
  ['state rewind consol --to 1h', 2, 'did you mean console?'],
  ['state rewind console', 2, '--to'],
  ['state rewind console --to 2100-01-01', 2, 'must be in the past'],
  ['state rewind console --to 1h', 5, 'There is no state'],
])('state rewind answers %s with %i', async (line, expected, words) => {
  await world.configure(world.blocks);

  const { code, stderr } = await world.run(line);

  expect(code).toBe(expected);
  expect(stderr).toContain(words);
  expect(existsSync(state())).toBe(false);
});

it('state rewind is refused while a process holds the state and does not do it', async () => {
  await world.run('once');
  await using _ = await held();

  const { code, stderr } = await world.run('state rewind console --to 1h', { clock: hurried() });

  expect(code).toBe(5);
  expect(stderr).toContain('in use');
});

it('state reset makes the next poll a first one; login attempts are sent again under the same ids', async () => {
  await world.run('once');

  const { code, rows } = await world.run('state reset console --yes');
  const listed = await world.run('state list');
  await world.run('once');

  expect(code).toBe(0);
  expect(rows).toEqual([{ source: 'console', streams: 1, ledger: expect.any(Number) as number }]);
  expect(listed.rows).toMatchObject([{ cursor: null, ledger: 0 }, { destination: 'siem' }]);
  expect(world.receiver.received()).toHaveLength(80);
  expectTruth();
});

it('state reset still delivers what was journaled', async () => {
  world.receiver.answer = () => ({ status: 401 });
  await world.run('once');

  await world.run('state reset console --yes');
  world.receiver.answer = () => ACCEPTED;
  await world.run('once');

  expect(world.receiver.received()).toHaveLength(80);
  expectTruth();
});

it('state reset lets a source change its type', async () => {
  await world.run('once');
  await world.configure({ console: { ...world.blocks['console'], type: 'jsa-login-attempts' } });

  const before = await world.run('once');
  const reset = await world.run('state reset console --yes');
  const after = await world.run('once');

  expect([before.code, reset.code, after.code]).toEqual([5, 0, 0]);
  expect(before.stderr).toContain('penstock state reset console');
});

it('state reset asks on a terminal and states the consequences', async () => {
  await world.run('once');

  const no = await world.run('state reset console', { tty: true, stdin: 'n\n' });
  const kept = await cursorOf('console');
  const yes = await world.run('state reset console', { tty: true, stdin: 'console\n' });

  expect(no.code).toBe(2);
  expect(no.stderr).toContain('updates and counters under new ids');
  expect(kept).toBeDefined();
  expect(yes.code).toBe(0);
  expect(await cursorOf('console')).toBeUndefined();
});

it('state reset exits 2 without a terminal and --yes', async () => {
  await world.run('once');

  const { code, stderr } = await world.run('state reset console');

  expect(code).toBe(2);
  expect(stderr).toContain('--yes');
  expect(await cursorOf('console')).toBeDefined();
});

it('state reset is refused while another process holds the state', async () => {
  await world.run('once');
  await using _ = await held();

  expect((await world.run('state reset console --yes')).code).toBe(5);
});

/** The same configuration on another machine: its state is its own. */
async function elsewhere(): Promise<{ config: string }> {
  const config = `${world.path}/elsewhere.yaml`;
  const text = await readFile(world.config, 'utf8');
  await writeFile(config, text.replace(`${world.path}/state`, `${world.path}/elsewhere`));
  return { config };
}

it('state export and import move a state: nothing lost, nothing repeated', async () => {
  const { console, incidents, declined } = world.blocks;
  await world.configure({ console: console!, incidents: incidents!, declined: declined! });
  await world.run('once');
  addRows(20, 2);
  await world.run('once');
  const other = await elsewhere();

  const exported = await world.run('state export');
  const imported = await world.run(`state import - -c ${other.config}`, { stdin: exported.stdout });
  addRows(20, 3);
  const there = await world.run(`once -c ${other.config}`);

  expect([exported.code, imported.code, there.code]).toEqual([0, 0, 0]);
  expect(exported.stderr).toBe('');
  for (const secret of Object.values(SECRETS)) expect(exported.stdout).not.toContain(secret);
  expectNoRepeats();
  const of = (dataset: string) =>
    world.receiver.received().filter(({ record }) => record.attributes['event.dataset'] === dataset);
  expect(multiset(of('qradar.login_attempts').map(arrivedTuple))).toEqual(
    multiset((world.console.rows as LoginAttempt[]).map(tupleOf)),
  );
  expect(of('petra.incidents').length).toBeGreaterThan(100);
  expectSums(of('botbye.declined_requests').map(({ record }) => record.attributes));
});

it('state export and import keep cursors, ledgers, coverage and gaps', async () => {
  await world.run('once');
  const other = await elsewhere();
  const exported = await world.run('state export');
  await writeFile(`${world.path}/state.json`, exported.stdout);

  const imported = await world.run(`state import state.json -c ${other.config}`);
  const again = await world.run(`state export -c ${other.config}`);

  expect(imported.rows).toMatchObject([{ streams: 1 }]);
  expect(streamsOf(again)).toEqual(streamsOf(exported));
});

it('state export and import keep the account of a stream, and name streams that no configured source reads', async () => {
  const other = await elsewhere();
  await world.configure({ console: { ...world.blocks['console'], account: 'north' } });
  await world.run('once');
  const exported = await world.run('state export');

  const imported = await world.run(`state import - -c ${other.config}`, { stdin: exported.stdout });
  const again = await world.run(`state export -c ${other.config}`);

  expect(streamsOf(exported)).toMatchObject([{ account: 'north' }]);
  expect(streamsOf(again)).toEqual(streamsOf(exported));
  expect(imported.stderr).toContain(
    `reads qradar-login-attempts at ${world.console.url}, account north: its streams were imported, but are not polled.`,
  );
});

it('state export and import refuse a source whose account changed, with the choices', async () => {
  await world.run('once');
  await world.configure({ console: { ...world.blocks['console'], account: 'north' } });

  const { code, stderr } = await world.run('once');

  expect(code).toBe(5);
  expect(stderr).toContain(
    `at ${world.console.url}, account north. Choose: give the new source another name`,
  );
});

it('state export says what is not exported', async () => {
  world.receiver.answer = () => ({ status: 401 });
  await world.run('once');

  const { code, stderr } = await world.run('state export');

  expect(code).toBe(0);
  expect(stderr).toContain('40 events are undelivered and not exported');
});

it('state export works beside the process that holds the state', async () => {
  await world.run('once');
  await using _ = await held();

  const { code, stderr } = await world.run('state export');

  expect(code).toBe(0);
  expect(stderr).toContain('stop it and export again');
});

it('state import refuses a state that is not empty or in use', async () => {
  await world.run('once');
  const { stdout } = await world.run('state export');

  const full = await world.run('state import -', { stdin: stdout });
  await using _ = await held();
  const busy = await world.run('state import -', { stdin: stdout });

  expect(full.code).toBe(5);
  expect(full.stderr).toContain('is not empty');
  expect(busy.code).toBe(5);
  expect(busy.stderr).toContain('in use');
});

it.each([
  ['{"format":', 'is not valid JSON'],
  ['{"format":"other"}', 'is not an exported state'],
  [
    '{"format":"penstock-state","version":2,"exported":1,"streams":[]}',
    'other versions belong to other releases',
  ],
])('state import refuses %s and creates nothing', async (stdin, words) => {
  const { code, stderr } = await world.run('state import -', { stdin });

  expect(code).toBe(2);
  expect(stderr).toContain(words);
  expect(existsSync(state())).toBe(false);
});

it('state export exits 5 without a state', async () => {
  expect((await world.run('state export')).code).toBe(5);
});

it('state export exits 5 for a corrupt database', async () => {
  await world.run('once');
  await corruptDatabase(state());

  const { code, stdout, stderr } = await world.run('state export');

  expect([code, stdout]).toEqual([5, '']);
  expect(stderr).toContain('is corrupt');
});

it('state export says that the directory has lost its database', async () => {
  await world.run('once');
  await rm(`${state()}/penstock.db`);

  const { code, stderr } = await world.run('state export');

  expect(code).toBe(5);
  expect(stderr).toContain('has lost its database');
});
