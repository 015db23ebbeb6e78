import { describe, expect, it } from 'vitest';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { clusterOn, everySourcePolled } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { startAs } from './replica.ts';
import { settle } from './settle.ts';
import { startWorld } from './world.ts';

describe.skipIf(NO_POSTGRES)('`once` beside others', () => {
  it('beside replicas it ends in order, whatever it could take', async () => {
    await using world = await startWorld({ seed: 61, trouble: false });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    for (let number = 1; number <= 2; number += 1) cluster.replicas.start();
    await everySourcePolled(world, cluster);

    const ends = [];
    for (let pass = 1; pass <= 3; pass += 1) {
      ends.push(await startAs(`beside-${pass}`, ['once', '-c', cluster.config, '--deadline', '30s']).ended);
    }
    await cluster.replicas.stop();
    await settle(world, cluster.config);

    expect(ends.map(({ code, stderr }) => ({ code, stderr: code === 0 ? '' : stderr }))).toEqual(
      ends.map(() => ({ code: 0, stderr: '' })),
    );
    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });

  it('two that overlap, on a state that neither has seen, both end in order and share the work', async () => {
    await using world = await startWorld({ seed: 67, trouble: false });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());

    const both = ['one', 'other'].map((name) => startAs(name, ['once', '-c', cluster.config]));
    const ends = await Promise.all(both.map(({ ended }) => ended));
    await settle(world, cluster.config);

    expect(ends.map(({ code, stderr }) => ({ code, stderr: code === 0 ? '' : stderr }))).toEqual(
      ends.map(() => ({ code: 0, stderr: '' })),
    );
    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
