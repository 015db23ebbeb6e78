import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openJournal } from '../../src/journal/sqlite/open.ts';
import type { Gap, Span } from '../../src/core/source.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world[Symbol.asyncDispose]());

const at = (time: string) => Date.parse(`2026-03-01T${time}:00Z`);
const iso = (time: string) => new Date(at(time)).toISOString();

/** A page of the console's stream that leaves this in the state. */
async function commit(page: { covered?: Span; gaps?: readonly Gap[]; closedGaps?: readonly Gap[] }) {
  await using journal = await openJournal({
    path: `${world.path}/state`,
    maxBytes: 2 ** 30,
    retain: 0,
    clock: world.clock,
  });
  const { key } = await journal.streams.open({
    source: 'console',
    type: 'qradar-login-attempts',
    origin: world.console.url,
    account: '',
    scope: '',
    cursorVersion: 1,
  });
  await journal.commit({
    stream: key,
    source: 'console',
    lane: 'live',
    observedAt: world.clock.now(),
    ledger: [],
    cursor: undefined,
    gaps: page.gaps ?? [],
    closedGaps: page.closedGaps ?? [],
    covered: page.covered,
    complete: true,
    deferred: 0,
  });
}

const gap = (from: string, to: string): Gap => ({
  from: at(from),
  to: at(to),
  reason: 'answer-too-large',
  part: '',
});

it('gaps shows open gaps, and exits 3 for them alone', async () => {
  await commit({ covered: { from: at('08:00'), to: at('09:00') } });
  const none = await world.run('gaps');
  await commit({ gaps: [gap('09:00', '09:30')] });

  const some = await world.run('gaps console');

  expect([none.code, none.rows]).toEqual([0, []]);
  expect(some.code).toBe(3);
  expect(some.rows).toEqual([
    {
      source: 'console',
      stream: `qradar-login-attempts|${world.console.url}|`,
      part: '',
      from: iso('09:00'),
      to: iso('09:30'),
      reason: 'answer-too-large',
      opened: expect.stringMatching(/Z$/) as string,
      closed: null,
    },
  ]);
});

it('gaps does not say that nothing is missing when nothing was ever collected', async () => {
  await using fresh = await openWorld();
  await fresh.configure({ console: fresh.blocks['console'] ?? {} });

  const { code, stderr } = await fresh.run('gaps', { tty: true });

  expect([code, stderr]).toEqual([0, expect.stringContaining('is empty; nothing has been collected yet')]);
  expect(stderr).not.toContain('Nothing is missing');
});

it('gaps with times also shows what was never requested between them', async () => {
  await commit({ covered: { from: at('08:00'), to: at('09:00') } });
  await commit({ covered: { from: at('09:30'), to: at('10:00') }, gaps: [gap('09:00', '09:20')] });

  const asked = await world.run('gaps --from 2026-03-01T07:00 --to 2026-03-01T11:00Z');
  const whole = await world.run('gaps --from 2026-03-01T08:00Z --to 2026-03-01T10:00+01:00');

  expect(asked.code).toBe(3);
  expect(asked.rows.map(({ from, to, reason }) => [from, to, reason])).toEqual([
    [iso('07:00'), iso('08:00'), 'never-asked'],
    [iso('09:00'), iso('09:20'), 'answer-too-large'],
    [iso('09:20'), iso('09:30'), 'never-asked'],
    [iso('10:00'), iso('11:00'), 'never-asked'],
  ]);
  expect([whole.code, whole.rows]).toEqual([0, []]);
});

it('gaps shows what a source that was never polled is missing', async () => {
  const { code, rows } = await world.run('gaps --from 2h');

  expect(code).toBe(3);
  expect(rows).toMatchObject([{ source: 'console', reason: 'never-asked', opened: null }]);
});

it('gaps shows nothing for a span that was read', async () => {
  await world.run('once');

  expect(await world.run('gaps --from 2h --to 5m')).toMatchObject({ code: 0, rows: [] });
});

it('gaps shows nothing missing for a source with a recent poll, and everything since the last poll of one that stopped', async () => {
  const clock = new DrivenClock();
  await using driven = await openWorld({ clock });
  await driven.configure({ console: driven.blocks['console'] ?? {} });
  await driven.run('once');
  clock.jump(60_000);

  const recent = await driven.run('gaps --from 2h');
  clock.jump(10 * 60_000);
  const stopped = await driven.run('gaps --from 2h');

  const last = '2026-03-02T11:59:00.000Z';
  expect(recent.code).toBe(0);
  expect(recent.rows).toMatchObject([
    { from: last, to: '2026-03-02T12:01:00.000Z', reason: 'open', opened: null, closed: null },
  ]);
  expect(stopped.code).toBe(3);
  expect(stopped.rows).toMatchObject([{ from: last, to: '2026-03-02T12:11:00.000Z', reason: 'never-asked' }]);
});

it('gaps shows closed gaps only with --closed, and does not count them', async () => {
  await commit({ covered: { from: at('09:00'), to: at('09:30') }, gaps: [gap('09:00', '09:30')] });
  await commit({ closedGaps: [gap('09:00', '09:30')] });

  const open = await world.run('gaps');
  const closed = await world.run('gaps --closed');

  expect([open.code, open.rows]).toEqual([0, []]);
  expect(closed.code).toBe(0);
  expect(closed.rows).toMatchObject([{ closed: expect.stringMatching(/Z$/) as string }]);
});

it('gaps lists what a destination missed because its backlog was too large, and `status` counts it', async () => {
  {
    await using journal = await openJournal({
      path: `${world.path}/state`,
      maxBytes: 2 ** 30,
      retain: 0,
      clock: world.clock,
    });
    await journal.destinations.open(['siem'], world.clock.now());
    const missed = { from: at('08:00'), to: at('09:00'), events: 1_200, sources: { console: 1_200 } };
    await journal.destinations.skip(
      'siem',
      { position: { sequence: 9, offset: 0 }, missed, deadLetters: [] },
      world.clock.now(),
    );
  }

  const all = await world.run('gaps');
  const ofSource = await world.run('gaps console --from 2026-03-01T08:30Z --to 2026-03-01T08:40Z');
  const later = await world.run('gaps --from 2026-03-01T09:00Z --to 2026-03-01T10:00Z');
  const shown = await world.run('gaps', { tty: true });
  const status = await world.run('status');

  expect(all.code).toBe(3);
  expect(all.rows).toEqual([
    {
      source: null,
      stream: null,
      part: '',
      from: iso('08:00'),
      to: iso('09:00'),
      reason: 'backlog-full',
      opened: expect.stringMatching(/Z$/) as string,
      closed: null,
      destination: 'siem',
      events: 1_200,
      sources: { console: 1_200 },
      ended: null,
    },
  ]);
  expect(ofSource.rows.map(({ reason }) => reason)).toContain('backlog-full');
  expect(later.rows.map(({ reason }) => reason)).not.toContain('backlog-full');
  expect(shown.stdout).toMatch(/^DESTINATION +EVENTS +FROM/);
  expect(shown.stdout).toMatch(/^siem +1,200 +2026-03-01T08:00:00/m);
  expect(status.rows).toMatchObject([
    { destinations: [{ destination: 'siem', gaps_open: 1, skipped: 1_200 }] },
  ]);
});

it('gaps works beside the process that holds the state', async () => {
  await commit({ gaps: [gap('09:00', '09:30')] });
  await using _ = await openJournal({ path: `${world.path}/state`, maxBytes: 2 ** 30, retain: 0 });

  const { code, stdout } = await world.run('gaps', { tty: true });

  expect(code).toBe(3);
  expect(stdout).toMatch(/^SOURCE +STREAM +PART +FROM/);
  expect(stdout).toContain('answer-too-large');
});

it.each([
  ['gaps consol', 'did you mean console?'],
  ['gaps --to 2h', '--to needs --from'],
  ['gaps --from 1h --to 2h', 'must be before --to'],
  ['gaps --from yesterday', 'Must be a time such as'],
  ['gaps --form 1h', '--from'],
])('gaps exits 2 on %s', async (line, words) => {
  const { code, stderr } = await world.run(line);

  expect(code).toBe(2);
  expect(stderr).toContain(words);
});

/** Each span with its reason, once: the streams of a source have the same. */
const spansOf = (rows: readonly Record<string, unknown>[]) => [
  ...new Set(rows.map(({ from, to, reason }) => `${String(from)} ${String(to)} ${String(reason)}`)),
];

describe('gaps of counters', () => {
  const HOUR = 3_600_000;
  let clock: DrivenClock;
  let driven: World;

  beforeEach(async () => {
    clock = new DrivenClock('2026-03-10T12:00:00Z');
    driven = await openWorld({ clock, attacksPerMinute: 1000 });
  });

  afterEach(() => driven[Symbol.asyncDispose]());

  it('gaps of counters call an unfinished day of Petra open, and never-asked once it is final', async () => {
    const quota = { requests: 1000, per: '1m' };
    await driven.configure({
      attacks: { ...driven.blocks['attacks'], initial_lookback: '3d', settle: '2h', quota },
    });
    expect(await driven.run('once')).toMatchObject({ code: 0 });

    const today = await driven.run('gaps attacks --from 2026-03-08');
    clock.jump(13 * HOUR);
    const unsettled = await driven.run('gaps attacks --from 2026-03-08');
    clock.jump(HOUR);
    const settled = await driven.run('gaps attacks --from 2026-03-08');
    await driven.run('once');
    const read = await driven.run('gaps attacks --from 2026-03-08');

    const [day, next] = ['2026-03-10T00:00:00.000Z', '2026-03-11T00:00:00.000Z'];
    expect([today.code, spansOf(today.rows)]).toEqual([0, [`${day} 2026-03-10T12:00:00.000Z open`]]);
    expect([unsettled.code, spansOf(unsettled.rows)]).toEqual([0, [`${day} 2026-03-11T01:00:00.000Z open`]]);
    expect(settled.code).toBe(3);
    expect(spansOf(settled.rows)).toEqual([
      `${day} ${next} never-asked`,
      `${next} 2026-03-11T02:00:00.000Z open`,
    ]);
    expect([read.code, spansOf(read.rows)]).toEqual([0, [`${next} 2026-03-11T02:00:00.000Z open`]]);
  });

  it('gaps of counters are open from the first unfinished day, also for a source that was never polled', async () => {
    await driven.configure({ attacks: driven.blocks['attacks'] ?? {} });

    const all = await driven.run('gaps --from 2026-03-09T06:00');
    const today = await driven.run('gaps --from 6h', { tty: true });

    expect(all.code).toBe(3);
    expect(spansOf(all.rows)).toEqual([
      '2026-03-09T06:00:00.000Z 2026-03-10T00:00:00.000Z never-asked',
      '2026-03-10T00:00:00.000Z 2026-03-10T12:00:00.000Z open',
    ]);
    expect(today.code).toBe(0);
    expect(today.stderr).toBe('Nothing is missing.\n');
    expect(today.stdout).toMatch(/ open\n/);
  });

  it('gaps of counters call the unfinished bucket of BotBye open', async () => {
    await driven.configure({ declined: driven.blocks['declined'] ?? {} });
    await driven.run('once');
    clock.jump(HOUR);

    const { code, rows } = await driven.run('gaps declined --from 2026-03-10');

    expect(code).toBe(0);
    expect(spansOf(rows)).toEqual(['2026-03-10T12:00:00.000Z 2026-03-10T13:00:00.000Z open']);
  });

  it('gaps of counters ignore the seconds before the end of a bucket that BotBye cannot return, but not longer spans', async () => {
    await driven.configure({ declined: { ...driven.blocks['declined'], interval_type: 'HOUR' } });
    for (const pause of [0, HOUR - 15_000, 60_000]) {
      clock.jump(pause);
      await driven.run('once');
    }

    const edge = await driven.run('gaps declined --from 2026-03-10T12:00 --to 2026-03-10T13:00');
    const before = await driven.run('gaps declined --from 2026-03-10T11:59:50 --to 2026-03-10T12:30');

    expect([edge.code, edge.rows]).toEqual([0, []]);
    expect(before.code).toBe(3);
    expect(spansOf(before.rows)).toEqual(['2026-03-10T11:59:50.000Z 2026-03-10T12:00:00.000Z never-asked']);
  });

  it('gaps of counters contain nothing in the future', async () => {
    await driven.configure({ attacks: driven.blocks['attacks'] ?? {} });

    const { code, rows } = await driven.run('gaps --from 2026-03-10T13:00 --to 2026-04-01');

    expect(code).toBe(0);
    expect(new Set(rows.map(({ reason }) => reason))).toEqual(new Set(['open']));
  });
});
