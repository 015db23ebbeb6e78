import { afterEach, beforeEach, expect, it } from 'vitest';
import { openWorld, type World } from './support/world.ts';

let world: World;

beforeEach(async () => {
  world = await openWorld({ rows: 40 });
});

afterEach(() => world[Symbol.asyncDispose]());

it.each([
  {
    tty: true,
    says: /Destination siem is unavailable; events are queued\. Waiting until the deadline at .*Z, in [123]s\.$/m,
  },
  { tty: false, says: /"deadline_at":"\d.*"message":"Destination is unavailable; events are queued\./ },
])(
  'once says immediately that a destination is unavailable, and until when it waits (terminal: $tty)',
  async ({ tty, says }) => {
    await world.receiver.away();
    const began = Date.now();
    let heard = Infinity;

    const outcome = await world.run('once --deadline 3s', {
      tty,
      onError: (text) => {
        if (text.includes('is unavailable')) heard = Math.min(heard, Date.now() - began);
      },
    });

    expect(outcome.code).toBe(4);
    expect(outcome.stderr).toMatch(says);
    expect(outcome.stderr.match(/deadline_at|Waiting until the deadline at/g)).toHaveLength(1);
    expect(heard).toBeLessThan(3_000);
  },
);
