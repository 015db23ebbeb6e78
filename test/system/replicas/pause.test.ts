import { describe, expect, it } from 'vitest';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import {
  type Cluster,
  clusterOn,
  everySourcePolled,
  LEASE,
  logsOf,
  sourcesOf,
  type Takeover,
  takenOver,
  until,
} from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { replicaOf } from './polls.ts';
import type { Replica } from './replica.ts';
import { settle } from './settle.ts';
import { startWorld, type World } from './world.ts';

/** Resolves at the next request of the process for login attempts: the vendor's answer is on its way to it then. */
function requestOf(world: World, name: string, then: () => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Of any console: which ones it holds may change now.
  const before = [...world.consoles.values()].map((console) => ({ console, onRequest: console.onRequest }));
  for (const { console } of before) {
    console.onRequest = (request) => {
      if (replicaOf(request) === name && request.path.endsWith('login_attempts')) {
        for (const each of before) each.console.onRequest = each.onRequest;
        then();
        resolve();
      }
      return undefined;
    };
  }
  return promise;
}

describe.skipIf(NO_POSTGRES)('a replica that is paused beyond its lease', () => {
  it('commits nothing when it goes on, says so once for each lease, and works again', async () => {
    await using world = await startWorld({ seed: 43 });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    const { replicas } = cluster;
    for (let number = 1; number <= 3; number += 1) replicas.start();
    await everySourcePolled(world, cluster);
    const takeovers: Takeover[] = [];

    for (let pauses = 0; pauses < 3; pauses += 1) {
      const paused = await pollingConsoles(world, cluster, pauses);
      const before = paused.stderr().length;
      await requestOf(world, paused.name, () => paused.child.kill('SIGSTOP'));
      takeovers.push(await takenOver(world, cluster, paused));
      paused.child.kill('SIGCONT');
      // It takes its share again.
      await until(
        () => sourcesOf(world, paused).length > 0,
        () => `${paused.name} works again\n${logsOf(cluster)}`,
      );
      const lost = lostIn(paused.stderr().slice(before));
      expect(lost).not.toEqual([]);
      expect(lost).toEqual([...new Set(lost)]);
    }
    await replicas.stop();
    await settle(world, cluster.config);

    report('takeovers, ms', takeovers);
    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
    const late = takeovers.flatMap((takeover) =>
      Object.entries(takeover).filter(([source, ms]) => source.startsWith('console') && ms > 2 * LEASE),
    );
    expect(late).toEqual([]);
  });
});

/**
 * A replica that polls a console: this one of those that run, or the next one that does, as the share of one may be the
 * two sources that are no consoles.
 */
async function pollingConsoles(world: World, cluster: Cluster, first: number): Promise<Replica> {
  const all = cluster.replicas.running;
  const isPolling = (replica: Replica) =>
    sourcesOf(world, replica).some((source) => source.startsWith('console'));
  let found: Replica | undefined;
  await until(
    () => (found = [...all.slice(first), ...all].find(isPolling)) !== undefined,
    () => logsOf(cluster),
  );
  return found as unknown as Replica;
}

/** The sources and destinations of which a log says that their lease was lost, one for each time that it says so. */
function lostIn(log: string): string[] {
  return log
    .split('\n')
    .filter((line) => line.includes('Leases were lost'))
    .flatMap((line) => {
      const { penstock } = JSON.parse(line) as { penstock: { sources: string[]; destinations: string[] } };
      return [...penstock.sources, ...penstock.destinations];
    });
}
