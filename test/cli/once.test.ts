import { afterEach, beforeEach, expect, it } from 'vitest';
import { openWorld, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 40 });
});

afterEach(() => world[Symbol.asyncDispose]());

it('once prints its summary on stdout with --json, and nothing there without', async () => {
  const silent = await world.run('once');
  const { code, rows } = await world.run('once --json');

  expect(silent.stdout).toBe('');
  expect(code).toBe(0);
  expect(rows).toEqual([
    {
      sources: [
        {
          source: 'console',
          outcome: 'complete',
          state: 'healthy',
          new: 0,
          updated: 0,
          malformed: 0,
          repeated: expect.any(Number) as number,
          dropped: 0,
          gaps: 0,
          owed: 0,
          overdue: [],
        },
      ],
      undelivered: 0,
      rejected: 0,
      overdue: [],
      collected: 0,
      delivered: 0,
      gaps: 0,
      dropped: 0,
      summary: 'Done: 0 collected, 0 delivered, 0 waiting.',
    },
  ]);
});

it('once names the sources that a rate limit left for the next pass', async () => {
  await world.configure({ console: { ...world.blocks['console'], quota: { requests: 1, per: '1h' } } });
  await world.run('once --deadline 2s');

  const { code, rows } = await world.run('once --json --deadline 2s');

  expect(code).toBe(0);
  expect(rows).toMatchObject([
    {
      sources: [{ source: 'console', outcome: 'owed' }],
      summary: expect.stringMatching(
        /^Done: .* Left for the next pass, because of a rate limit: console\.$/,
      ) as string,
    },
  ]);
});

it('once counts malformed records in its summary', async () => {
  world.console.addRaw(Date.now() - 300_000, { attempt_time: 'never' });

  const { code, rows } = await world.run('once --json');

  expect(code).toBe(0);
  expect(rows).toMatchObject([
    {
      summary: 'Done: 41 collected, 1 of them malformed (sent as pipeline errors), 41 delivered, 0 waiting.',
    },
  ]);
});
