import { afterEach, beforeEach, expect, it } from 'vitest';
import { refusing } from '../../src/simulators/otlp-receiver.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
/** The uids that the receiver rejects. */
let refused: Set<string>;

beforeEach(async () => {
  world = await openWorld({ rows: 12 });
  refused = new Set();
  world.receiver.answer = (request) => {
    if (refused.size === 0) refused = new Set(request.records.slice(2, 5).map(({ uid }) => uid));
    return refusing(({ uid }) => refused.has(uid), { words: 'no such field' })(request);
  };
  await world.run('once');
});

afterEach(() => world[Symbol.asyncDispose]());

async function letters() {
  return (await world.run('dead-letters list')).rows;
}

it('dead-letters retry sends all of them under their ids, and removes accepted ones from the list', async () => {
  const before = await letters();
  world.receiver.answer = () => ({ status: 200 });

  const { code, rows } = await world.run('dead-letters retry');

  expect(before).toHaveLength(3);
  expect(code).toBe(0);
  expect(rows.at(-1)).toMatchObject({ kind: 'retry', state: 'finished', events: 3 });
  expect(await letters()).toEqual([]);
  expect(world.receiver.ids().size).toBe(12);
  expect(world.receiver.received()).toHaveLength(12);
});

it('dead-letters retry sends the given ones, by number or uid', async () => {
  const [first, second, third] = await letters();
  world.receiver.answer = () => ({ status: 200 });

  const { code } = await world.run(`dead-letters retry ${String(first?.['id'])} ${String(third?.['uid'])}`);

  expect(code).toBe(0);
  expect(await letters()).toMatchObject([{ uid: second?.['uid'] }]);
});

it('dead-letters retry exits 4 when some are rejected again, and keeps them', async () => {
  const [first] = await letters();
  refused.delete(String(first?.['uid']));

  const { code, stderr } = await world.run('dead-letters retry --destination siem');

  expect(code).toBe(4);
  expect(stderr).toContain('1 of 3 dead letters accepted');
  expect(await letters()).toHaveLength(2);
});

it('dead-letters retry without dead letters does nothing', async () => {
  await using other = await openWorld();

  const { code, stderr } = await other.run('dead-letters retry');

  expect(code).toBe(0);
  expect(stderr).toContain('No dead letters to retry');
});

it.each([
  ['dead-letters retry 77', 'There is no dead letter 77'],
  ['dead-letters retry --destination sien', 'did you mean siem?'],
])('dead-letters retry exits 2 on %s', async (line, words) => {
  const { code, stderr } = await world.run(line);

  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
