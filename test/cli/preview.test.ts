import { existsSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openJournalReadOnly } from '../../src/journal/sqlite/open.ts';
import { loginAttempt } from '../../src/simulators/qradar-generator.ts';
import { seeded } from '../../src/simulators/seeded.ts';
import { ecsProblems } from '../support/ecs-rules.ts';
import { flatten } from '../support/truth.ts';
import { openWorld, SECRETS, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world[Symbol.asyncDispose]());

const idOf = (row: Record<string, unknown>) => (row['event'] as { id: string }).id;

/** All that the state holds of its streams, and how much is journaled. */
async function held(): Promise<unknown> {
  await using view = await openJournalReadOnly(`${world.path}/state`);
  return {
    streams: await view.streams.all(),
    events: (await view.stats()).events,
    gaps: await view.gaps.of(),
  };
}

it('preview shows the next events and creates no state', async () => {
  const previewed = await world.run('preview console');
  const existed = existsSync(`${world.path}/state`);
  await world.run('once');

  expect(previewed.code).toBe(0);
  expect(existed).toBe(false);
  expect(previewed.rows.flatMap((row) => ecsProblems(flatten(row)))).toEqual([]);
  expect(previewed.rows.map(idOf)).toEqual(
    world.receiver.received().map(({ record }) => record.attributes['event.id']),
  );
  for (const secret of Object.values(SECRETS))
    expect(previewed.stdout + previewed.stderr).not.toContain(secret);
});

it('preview starts at the cursor and does not move it', async () => {
  await world.run('once');
  const quiet = await world.run('preview console');
  world.console.add([loginAttempt(seeded(4), world.clock.now() - 90_000, world.console.users)]);
  const before = await held();

  const next = await world.run('preview console');
  const again = await world.run('preview console');

  expect(quiet.rows).toEqual([]);
  expect(quiet.stderr).toContain('no new events');
  expect(next.rows).toHaveLength(1);
  expect(again.rows.map(idOf)).toEqual(next.rows.map(idOf));
  expect(await held()).toEqual(before);
});

it('preview --limit stops after so many events', async () => {
  await world.configure({
    console: { ...world.blocks['console'], page_size: 2, initial_lookback: '2h', resolve_users: false },
  });

  const { code, rows } = await world.run('preview console --limit 3');

  expect(code).toBe(0);
  expect(rows).toHaveLength(3);
  expect(world.console.requests.length).toBeLessThan(6);
});

it('preview shows a table on a terminal', async () => {
  const { code, stdout } = await world.run('preview console', { tty: true });

  expect(code).toBe(0);
  const [head, ...lines] = stdout.trimEnd().split('\n');
  expect(head).toMatch(/^TIME +DATASET +MESSAGE$/);
  expect(lines).toHaveLength(20);
  expect(lines[0]).toMatch(/^\d{4}-.*Z {2}qradar\.login_attempts {2}\S/);
});

it('preview --profile shows records in the shape of the profile, one object per line', async () => {
  const bodymap = await world.run('preview console --limit 1 --profile elastic-bodymap', { tty: true });
  const json = await world.run('preview console --limit 1 --profile json-body');

  expect(JSON.parse(bodymap.stdout)).toMatchObject({
    body: { event: { dataset: 'qradar.login_attempts' } },
    attributes: { 'data_stream.type': 'logs', 'elasticsearch.document_id': expect.any(String) as string },
  });
  expect(json.rows).toMatchObject([
    { body: expect.stringMatching(/^\{/) as string, attributes: { 'event.kind': 'event' } },
  ]);
});

it.each(['incidents', 'attacks', 'declined'])(
  'preview polls %s without waiting for a second slot',
  async (name) => {
    await world.configure(world.blocks);

    const { code, rows } = await world.run(`preview ${name}`);

    expect(code).toBe(0);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.flatMap((row) => ecsProblems(flatten(row)))).toEqual([]);
    expect(world.petra.asks('failed-attacks').length).toBeLessThanOrEqual(1);
  },
);

it('preview says that streams were not read when the quota is used up', async () => {
  await world.configure(world.blocks);

  const { stderr } = await world.run('preview attacks');

  expect(stderr).toContain('the remaining streams were not read');
});

it('preview exits 3 when the poll fails, and 2 for an unknown source', async () => {
  world.console.tokens.clear();

  const refused = await world.run('preview console');
  const unknown = await world.run('preview consol');

  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain('penstock check');
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('did you mean console?');
});

it('preview exits 3 when stream discovery fails', async () => {
  await world.configure({ attacks: { ...world.blocks['attacks'], token: 'not-the-token', retries: 0 } });

  const { code, stderr } = await world.run('preview attacks');

  expect(code).toBe(3);
  expect(stderr).toContain('401');
  expect(stderr).not.toContain('not-the-token');
});
