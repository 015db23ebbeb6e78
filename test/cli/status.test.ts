import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournal } from '../../src/journal/sqlite/open.ts';
import { DrivenClock } from '../support/driven-clock.ts';
import { openWorld, SECRETS, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world[Symbol.asyncDispose]());

it('status --json is one object before the first run, and creates no state', async () => {
  const { code, rows } = await world.run('status --json');

  expect(code).toBe(0);
  expect(rows).toEqual([
    {
      sources: [
        {
          source: 'console',
          type: 'qradar-login-attempts',
          state: 'starting',
          since: null,
          reason: 'No poll has ended yet.',
          until: null,
          stale: true,
          streams: 0,
          last_complete: null,
          last_error: null,
          next_due: null,
          read_up_to: null,
          owed: 0,
          dropped: 0,
          gaps_open: 0,
          ledger: { entries: 0, bytes: 0 },
          overdue: [],
        },
      ],
      destinations: [
        {
          destination: 'siem',
          state: 'healthy',
          until: null,
          waiting: 0,
          oldest: null,
          paused: false,
          reason: null,
          since: null,
          last_answer: null,
          last_answer_at: null,
          dead_letters: 0,
          gaps_open: 0,
          skipped: 0,
        },
      ],
      journal: { events: 0, bytes: 0, oldest: null },
      undelivered: 0,
      rejected: 0,
      reload_failed: null,
      overdue: [],
    },
  ]);
});

it('status --json shows a pass, beside the process that holds the state', async () => {
  await world.run('once');
  await using held = await openJournal({ path: `${world.path}/state`, maxBytes: 2 ** 30, retain: 0 });

  const { code, rows } = await world.run('status --json');

  expect(code).toBe(0);
  expect(await held.streams.all()).toHaveLength(1);
  expect(rows).toMatchObject([
    {
      sources: [
        { streams: 1, last_complete: expect.stringMatching(/Z$/), last_error: null, owed: 0, overdue: [] },
      ],
      destinations: [{ waiting: 0, last_answer: 'HTTP 200' }],
      journal: { events: 0, bytes: expect.any(Number), oldest: null },
    },
  ]);
});

it('status --json shows what is queued, why, and since when', async () => {
  world.receiver.answer = () => ({ status: 401 });
  const { code: undelivered } = await world.run('once --deadline 3s');

  const { rows } = await world.run('status --json');

  expect(undelivered).toBe(4);
  expect(rows).toMatchObject([
    {
      destinations: [
        {
          waiting: 40,
          paused: true,
          reason: expect.stringContaining('401'),
          since: expect.stringMatching(/Z$/),
        },
      ],
      journal: { events: 40, oldest: expect.stringMatching(/Z$/) },
    },
  ]);
});

it('status of an empty directory names it on stderr beside JSON, and says that it is empty', async () => {
  const { code, stderr, rows } = await world.run('status --json');

  expect(code).toBe(0);
  expect(rows).toHaveLength(1);
  expect(stderr).toContain(`The state directory ${world.path}/state is empty`);
});

it('status of an empty directory names it on a terminal, above what is configured', async () => {
  const { code, stdout } = await world.run('status', { tty: true });

  expect(code).toBe(0);
  expect(stdout).toContain(`The state directory ${world.path}/state is empty`);
  expect(stdout).toMatch(/^console .*starting: No poll has ended yet\.$/m);
});

async function letters() {
  await using held = await openJournal({ path: `${world.path}/state`, maxBytes: 2 ** 30, retain: 0 });
  return held.deadLetters.of('siem');
}

it('dead letters are counted as rejected in the summaries of once and status', async () => {
  world.receiver.answer = ({ records }) => ({
    status: 200,
    partialSuccess: { rejected: records.length > 1 ? 1 : 0, words: 'mapper_parsing_exception' },
  });
  const { console = {} } = world.blocks;
  await world.configure({ console }, { log: { level: 'info' } });
  const { stderr } = await world.run('once');

  const { rows: again } = await world.run('once --json');
  const { rows } = await world.run('status --json');
  const { stdout } = await world.run('status', { tty: true });

  const summary = stderr.split('\n').find((line) => line.includes('"undelivered"')) ?? '';
  const { penstock } = JSON.parse(summary) as { penstock: { rejected: number; undelivered: number } };
  const rejected = (await letters()).length;
  expect(rejected).toBeGreaterThan(0);
  expect(penstock).toMatchObject({ rejected, undelivered: 0 });
  // All there are, and not only those of the pass.
  expect(again).toMatchObject([{ rejected, collected: 0 }]);
  expect(rows).toMatchObject([
    { rejected, undelivered: 0, destinations: [{ state: 'rejecting', dead_letters: rejected }] },
  ]);
  expect(stdout).toContain(`nothing queued; ${rejected} rejected`);
  expect(stdout).not.toContain('everything is delivered');
});

it('status on a terminal shows tables with ages', async () => {
  world.receiver.answer = () => ({ status: 401 });
  await world.run('once --deadline 3s');

  const { code, stdout } = await world.run('status', { tty: true });

  expect(code).toBe(0);
  expect(stdout).toMatch(/^source +type +streams +last complete poll/);
  expect(stdout).toMatch(/console +qradar-login-attempts +1 +\d+s ago/);
  expect(stdout).toMatch(/siem +40 +0 +HTTP 401.*paused for \d+s: HTTP 401; next try in 1m/);
  expect(stdout).toMatch(/40 events queued, oldest \d+s\./);
  for (const secret of Object.values(SECRETS)) expect(stdout).not.toContain(secret);
});

it('status on a terminal --watch refreshes every two seconds until it is stopped', async () => {
  const clock = new DrivenClock();
  const stop = new AbortController();
  const running = world.run('status --watch', { tty: true, clock, stop: stop.signal });

  for (let looks = 0; looks < 3; looks += 1) {
    while (clock.next === undefined) await new Promise((resolve) => void setImmediate(resolve));
    await clock.advance(2_000);
  }
  while (clock.next === undefined) await new Promise((resolve) => void setImmediate(resolve));
  stop.abort();

  const { code, stdout } = await running;
  expect(code).toBe(0);
  expect(stdout.split('\u001b[H\u001b[J')).toHaveLength(5);
});

it('status --check exits 3 before the first poll, and names the source', async () => {
  const { code, stderr } = await world.run('status --check');

  expect(code).toBe(3);
  expect(stderr).toMatch(
    /^The state directory .+ is empty; .+\nSource console is stale: No complete poll has ended yet\.\n$/,
  );
});

it('status --check exits 0 after a complete poll, and 3 again when the schedule was missed for long', async () => {
  await world.run('once');
  const later = new DrivenClock(new Date(world.clock.now() + 4 * 60_000).toISOString());

  const [fresh, missed] = [
    await world.run('status --check'),
    await world.run('status --check', { clock: later }),
  ];

  expect([fresh.code, fresh.stderr]).toEqual([0, '']);
  expect(missed.code).toBe(3);
  expect(missed.stderr).toMatch(/^Source console is stale: .* since .*Z; one is expected every/);
});

it('status --check exits 3 with the last error when no poll was ever complete', async () => {
  world.console.tokens.clear();
  await world.run('once');

  const { code, stderr, stdout } = await world.run('status --check');

  expect(code).toBe(3);
  expect(stderr).toMatch(/No complete poll has ended yet. Last error: .*401/);
  for (const secret of Object.values(SECRETS)) expect(stdout + stderr).not.toContain(secret);
});
