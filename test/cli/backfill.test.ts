import { afterEach, beforeEach, expect, it } from 'vitest';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { openWorld, SECRETS, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 60 });
  const console = { ...world.blocks['console'], initial_lookback: '1m', resolve_users: false, page_size: 25 };
  await world.configure({ ...world.blocks, console });
});

afterEach(() => world[Symbol.asyncDispose]());

/** The console's alone, so that no other vendor is polled meanwhile. */
async function onlyConsole(more: Record<string, unknown> = {}): Promise<void> {
  const console = { ...world.blocks['console'], initial_lookback: '1m', resolve_users: false, page_size: 25 };
  await world.configure({ console: { ...console, ...more } });
}

it('backfill without a daemon reads the span, polls live as well, shows its progress, and sends nothing the second time', async () => {
  await onlyConsole({ settle: '0s' });
  world.console.add([loginAttempt(seeded(4), world.clock.now() - 10_000, world.console.users)]);

  const first = await world.run('backfill console --from 2h --to 1m');
  const sent = world.receiver.received().length;
  const second = await world.run('backfill console --from 2h --to 1m', { tty: true });

  expect(first.code).toBe(0);
  expect(first.rows.at(-1)).toMatchObject({
    kind: 'backfill',
    source: 'console',
    state: 'finished',
    code: 0,
    events: 60,
  });
  expect(sent).toBe(61);
  expect(second.code).toBe(0);
  expect(second.stdout).toMatch(/^Source console was read from .*: 0 events\.$/m);
  expect(second.stderr).toContain('backfill console');
  expect(world.receiver.received()).toHaveLength(sent);
  expect(first.stdout + second.stderr).not.toContain(SECRETS.console);
});

it('backfill without a daemon exits 4 when the destination is paused, and the next pass delivers what the journal holds', async () => {
  await onlyConsole();
  world.receiver.answer = () => ({ status: 403 });

  const { code, stderr } = await world.run('backfill console --from 2h --to 1m');
  world.receiver.answer = () => ({ status: 200 });
  const next = await world.run('once');

  expect(code).toBe(4);
  expect(stderr).toContain('Destination siem is paused');
  expect(next.code).toBe(0);
  expect(world.receiver.received()).toHaveLength(60);
});

it('backfill without a daemon exits 3 when the console rejects the credential', async () => {
  await onlyConsole();
  world.console.tokens.clear();

  const { code, stderr } = await world.run('backfill console --from 2h --to 1m');

  expect(code).toBe(3);
  expect(stderr).toContain('401');
});

it('a backfill that is stopped without a daemon keeps its job, and the same command finishes it', async () => {
  await onlyConsole();
  const stop = new AbortController();
  world.console.onRequest = ({ query }) => {
    if (world.console.requests.length > 4 && query.has('filter')) stop.abort();
    return undefined;
  };

  const stopped = await world.run('backfill console --from 2026-01-01 --to 1m', { stop: stop.signal });
  world.console.onRequest = undefined;
  const finished = await world.run('backfill console --from 2026-01-01 --to 1m');
  await world.run('once');

  expect(stopped.code).toBe(3);
  expect(stopped.stderr).toContain('not finished');
  expect(finished.code).toBe(0);
  expect(world.receiver.ids().size).toBe(60);
  expect(world.receiver.received()).toHaveLength(60);
});

it.each([
  ['backfill consol --from 2h --to 1h', 'did you mean console?'],
  ['backfill incidents --from 2h --to 1h', 'no way to ask its vendor for a past span'],
  ['backfill declined --from 2h --to 1h', 'no way to ask its vendor for a past span'],
  ['backfill console --from 1h --to 2h', 'must be before --to'],
  ['backfill console --from 1h --to 2100-01-01', 'must be in the past'],
  ['backfill console --from 1h', '--to'],
  ['backfill console --from 1h --to soon', 'Must be a time'],
])('backfill without a daemon exits 2 on %s, and enqueues no job', async (line, words) => {
  const { code, stderr } = await world.run(line);

  expect(code).toBe(2);
  expect(stderr).toContain(words);
  expect(world.receiver.received()).toEqual([]);
});

it('backfill --again of counters is refused, because a store would count them twice', async () => {
  await world.configure({ attacks: world.blocks['attacks'] ?? {} });

  const { code, stderr } = await world.run('backfill attacks --from 5d --to 3d --again');

  expect(code).toBe(2);
  expect(stderr).toContain('Source attacks sends counts in parts as they grow');
  expect(world.petra.requests).toEqual([]);
});
