import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../../src/simulators/seeded.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { clusterOn, everySourcePolled } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { settle } from './settle.ts';
import { someRequests, startWorld } from './world.ts';

describe.skipIf(NO_POSTGRES)('a database that crashes under load', () => {
  it('everything goes on by itself after each restart, and both destinations have everything once', async () => {
    const random = seeded(47);
    await using world = await startWorld({ seed: 47 });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    for (let number = 1; number <= 3; number += 1) cluster.replicas.start();
    await everySourcePolled(world, cluster);

    for (let crash = 1; crash <= 3; crash += 1) {
      await someRequests(world, random);
      await server.stop('immediate');
      await sleep(random() * 3_000);
      await server.restart();
      const [siem] = world.destinations.values();
      await siem?.asked(siem.requests.length + 3);
    }
    expect(cluster.replicas.running).toHaveLength(3);
    await cluster.replicas.stop();
    await settle(world, cluster.config);

    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
