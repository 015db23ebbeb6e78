import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { loginAttempts } from '../../src/simulators/qradar-generator.ts';
import { startConsole } from '../../src/simulators/qradar.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { distinct } from '../support/truth.ts';
import { openWorld, SECRETS, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 30 });
});

afterEach(() => world[Symbol.asyncDispose]());

it('replay resends retained events: the same bytes under the same ids', async () => {
  await world.run('once');

  const { code, rows } = await world.run('replay --destination siem --from 1h');

  expect(code).toBe(0);
  expect(rows.at(-1)).toMatchObject({ kind: 'replay', destination: 'siem', state: 'finished', events: 30 });
  expect(distinct(world.receiver.ids())).toHaveLength(30);
  expect([...world.receiver.ids().values()].every((repeats) => repeats.length === 2)).toBe(true);
});

it('replay sends nothing from a later time, or when nothing is retained', async () => {
  await world.run('once');
  const later = await world.run('replay --destination siem --from 0s');
  await world.configure(
    { console: world.blocks['console']! },
    { state: { path: `${world.path}/state`, retain: '0s' } },
  );
  await world.run('once');
  const trimmed = await world.run('replay --destination siem --from 1h');

  expect([later.code, trimmed.code]).toEqual([0, 0]);
  expect(world.receiver.received()).toHaveLength(30);
});

it('replay exits 4 and keeps its job when the destination is paused; the next one finishes it', async () => {
  await world.run('once');
  world.receiver.answer = () => ({ status: 401 });

  const paused = await world.run('replay --destination siem --from 2026-01-01');
  world.receiver.answer = () => ({ status: 200 });
  const finished = await world.run('replay --destination siem --from 2026-01-01');

  expect(paused.code).toBe(4);
  expect(paused.stderr).toContain('siem is paused');
  expect(finished.code).toBe(0);
  expect(world.receiver.received()).toHaveLength(60);
});

it.each([
  ['replay --destination sien --from 1h', 2, 'did you mean siem?'],
  ['replay --destination siem', 2, '--from'],
  ['replay --destination siem --from 2100-01-01', 2, 'must be in the past'],
  ['replay --destination siem --from 1h', 5, 'There is no state'],
])('replay %s exits %i', async (line, exit, words) => {
  const { code, stderr } = await world.run(line);

  expect(code).toBe(exit);
  expect(stderr).toContain(words);
});

it.each([-3, 3])(
  'replay goes by when events were journaled, also when the clock of the vendor differs by %i hours',
  async (hours) => {
    await using other = await openWorld({ rows: 0 });
    const ahead = hours * 3_600_000;
    const clock = { ...systemClock, now: () => Date.now() + ahead };
    await using vendor = await startConsole({
      clock,
      token: SECRETS.console,
      rows: loginAttempts({
        random: seeded(3),
        count: 5,
        from: clock.now() - 600_000,
        to: clock.now() - 300_000,
      }),
    });
    await other.configure({
      console: { ...other.blocks['console'], base_url: vendor.url, initial_lookback: '12h' },
    });
    await other.run('once');
    const sent = other.receiver.received().length;
    const began = new Date().toISOString();

    const recent = await other.run('replay --destination siem --from 1h');
    const later = await other.run(`replay --destination siem --from ${began}`);

    expect(sent).toBeGreaterThanOrEqual(5);
    expect(recent.rows.at(-1)).toMatchObject({ events: sent });
    expect(later.code).toBe(0);
    expect(other.receiver.received()).toHaveLength(2 * sent);
  },
);
