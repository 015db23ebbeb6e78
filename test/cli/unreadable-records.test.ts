import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { openWorld, type World } from './support/world.ts';

/** Collects while the receiver is away, damages what is queued, and delivers. */
async function damaged(world: World, damage: (records: Uint8Array) => Uint8Array) {
  world.receiver.answer = () => ({ status: 503 });
  await world.run('once --deadline 1s');
  const database = new DatabaseSync(`${world.path}/state/penstock.db`);
  const page = database.prepare('SELECT sequence, records, count FROM page').get();
  const records = page?.['records'] as Uint8Array;
  database.prepare('UPDATE page SET records = :records').run({ records: damage(records) });
  database.close();
  world.receiver.answer = () => ({ status: 200 });
  return { count: Number(page?.['count']), bytes: damage(records) };
}

it('a page that was damaged in the state is a dead letter with all its bytes, and what comes later is delivered', async () => {
  await using world = await openWorld({ rows: 12 });
  const { count, bytes } = await damaged(world, (records) => records.subarray(0, -9));

  const once = await world.run('once --json');
  const list = await world.run('dead-letters list');
  const table = await world.run('dead-letters list', { tty: true });
  const shown = await world.run('dead-letters show 1', { tty: true });
  const retried = await world.run('dead-letters retry');

  expect(count).toBe(12);
  expect(once.rows.at(-1)).toMatchObject({ undelivered: 0, rejected: 1 });
  expect(list.rows).toEqual([
    expect.objectContaining({
      id: 1,
      status: null,
      reason: expect.stringMatching(/^12 of 12 records of a stored page cannot be read: /) as string,
      event: null,
      record: Buffer.from(bytes).toString('base64'),
    }),
  ]);
  expect(table.stdout).toMatch(/qradar\.login_attempts +12 of 12 records/);
  expect(shown.code).toBe(0);
  expect(retried.code).toBe(4);
  expect((await world.run('dead-letters list')).rows).toMatchObject([{ id: 1, uid: list.rows[0]?.['uid'] }]);
});
