import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../../src/simulators/seeded.ts';
import { workspace } from '../../support/cli.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { Replicas } from './replica.ts';
import { settle } from './settle.ts';
import { startWorld } from './world.ts';

const KILLS = 6;

describe('one process on SQLite', () => {
  it('after random kills under load both destinations have everything once, and every limit was kept', async () => {
    const random = seeded(31);
    await using world = await startWorld({ seed: 31 });
    await using space = await workspace((path) =>
      stringify({ state: { path: `${path}/state` }, ...world.configuration, log: { level: 'warn' } }),
    );
    await using replicas = new Replicas(space.config);

    for (let kill = 1; kill <= KILLS; kill += 1) {
      const replica = replicas.start();
      const [siem] = world.destinations.values();
      await siem?.asked(siem.requests.length + 1 + Math.floor(random() * 10));
      await sleep(random() * 300);
      await replicas.kill(replica);
    }
    await settle(world, space.config);

    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
