import { describe, expect, it } from 'vitest';
import { pick, seeded } from '../../../src/simulators/seeded.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { clusterOn, everySourcePolled, LEASE, type Takeover, takenOver } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { settle } from './settle.ts';
import { someRequests, startWorld } from './world.ts';

const KILLS = 8;

describe.skipIf(NO_POSTGRES)('three replicas under load', () => {
  it('killed and started again at random: both destinations have everything once, and work moves within two leases', async () => {
    const random = seeded(41);
    await using world = await startWorld({ seed: 41 });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    const { replicas } = cluster;
    for (let number = 1; number <= 3; number += 1) replicas.start();
    await everySourcePolled(world, cluster);
    const takeovers: Takeover[] = [];

    for (let kill = 1; kill <= KILLS; kill += 1) {
      await someRequests(world, random);
      const victim = pick(random, replicas.running);
      await replicas.kill(victim);
      const takeover = takenOver(world, cluster, victim);
      // The next one starts while the others take over, or after that.
      if (kill % 2 === 0) replicas.start();
      takeovers.push(await takeover);
      if (kill % 2 === 1) replicas.start();
    }
    await replicas.stop();
    await settle(world, cluster.config);

    report('takeovers, ms', takeovers);
    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
    const consoles = takeovers.flatMap((takeover) =>
      Object.entries(takeover).filter(([source]) => source.startsWith('console')),
    );
    expect(consoles.length).toBeGreaterThan(KILLS);
    expect(consoles.filter(([, ms]) => ms > 2 * LEASE)).toEqual([]);
  });
});
