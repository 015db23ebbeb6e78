import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NO_POSTGRES } from '../support/postgres.ts';
import { PostgresProxy } from '../support/postgres-proxy.ts';
import { openSharedWorld, type SharedWorld } from './support/shared-world.ts';

describe.skipIf(NO_POSTGRES)('a database that goes away when a pass is done', () => {
  let world: SharedWorld;
  let proxy: PostgresProxy;

  beforeEach(async () => {
    world = await openSharedWorld();
    proxy = await new PostgresProxy(world.url).listen();
    const state = { ...world.state, postgres: { url: proxy.url, schema: world.schema } };
    await world.configure({ console: world.blocks['console'] ?? {} }, { state });
  });

  afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  /** Goes away when the pass looks for pages to remove, which is after all its work, and stays so for this time. Milliseconds. */
  function awayAtSummary(time: number): void {
    proxy.onStatement = ({ sql }) => {
      if (world.receiver.ids().size < 40 || !sql.includes('SELECT sequence, count, bytes, committed_at'))
        return undefined;
      proxy.onStatement = undefined;
      proxy.away();
      setTimeout(() => proxy.back(), time).unref();
      return 'cut';
    };
  }

  test('is waited for, and the pass ends with its summary and exit 0', async () => {
    awayAtSummary(1_500);

    const { code, rows, stderr } = await world.run('once --json --deadline 30s');

    expect(code).toBe(0);
    expect(stderr).not.toContain('The pass has ended');
    expect(proxy.onStatement).toBeUndefined();
    expect(rows.at(-1)).toMatchObject({ collected: 40, delivered: 40, undelivered: 0 });
  });

  test('and stays away is exit 5 at the deadline, with words that say what was done', async () => {
    awayAtSummary(60_000);

    const { code, rows, stderr } = await world.run('once --json --deadline 8s');

    expect(code).toBe(5);
    expect(rows).toEqual([]);
    expect(stderr).toMatch(
      /^The pass has ended, and what it did is kept \(40 collected, 40 delivered\); but its summary could not be read from the state, so it is not known whether anything is left\. \S/m,
    );
    proxy.back();
    expect((await world.run('once --json')).rows.at(-1)).toMatchObject({ collected: 0, undelivered: 0 });
  });
});
