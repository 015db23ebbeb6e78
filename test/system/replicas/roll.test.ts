import { describe, expect, it } from 'vitest';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { clusterOn, everySourcePolled, LEASE, logsOf, sourcesOf, until } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { askedBySource } from './polls.ts';
import { settle } from './settle.ts';
import { startWorld, type World } from './world.ts';

/** The longest time between two requests for a console since a moment, in milliseconds. */
function longestPause(world: World, since: number): number {
  const pauses = askedBySource(world)
    .filter(({ source }) => source.startsWith('console'))
    .flatMap(({ requests }) => {
      const times = requests.map(({ at }) => at).filter((at) => at >= since);
      return times.slice(1).map((at, index) => at - (times[index] ?? at));
    });
  return Math.max(...pauses);
}

describe.skipIf(NO_POSTGRES)('a roll', () => {
  it('replaces each replica by a new one, without a pause in polling as long as a lease that has to run out', async () => {
    await using world = await startWorld({ seed: 71, trouble: false, rows: 200 });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    const { replicas } = cluster;
    for (let number = 1; number <= 3; number += 1) replicas.start();
    await everySourcePolled(world, cluster);
    const since = Date.now();

    for (const old of replicas.running) {
      const next = replicas.start();
      await until(
        () => sourcesOf(world, next).length > 0,
        () => `${next.name} works\n${logsOf(cluster)}`,
      );
      old.child.kill('SIGTERM');
      const { code, stderr } = await old.ended;
      expect(code, stderr).toBe(0);
    }
    const pause = longestPause(world, since);
    await replicas.stop();
    await settle(world, cluster.config);

    report('longest pause, ms', pause);
    report('records', figuresOf(world));
    expect(pause).toBeLessThan(LEASE);
    expect(faultsOf(world)).toEqual([]);
  });
});

describe.skipIf(NO_POSTGRES)('replicas whose clocks differ by hours', () => {
  it('neither overlap nor exceed a limit, also when one is killed', async () => {
    await using world = await startWorld({ seed: 73 });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    const { replicas } = cluster;
    const hour = 3_600_000;
    for (const shift of [-2 * hour, 0, 3 * hour]) replicas.start({ shift });
    await everySourcePolled(world, cluster);

    for (const replica of replicas.running) {
      await replicas.kill(replica);
      const next = replicas.start({ shift: -hour });
      await until(
        () => sourcesOf(world, next).length > 0,
        () => `${next.name} works\n${logsOf(cluster)}`,
      );
    }
    await replicas.stop();
    await settle(world, cluster.config);

    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
