import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { workspace } from '../../support/cli.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { clusterOn, everySourcePolled } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { startAs } from './replica.ts';
import { settle } from './settle.ts';
import { startWorld } from './world.ts';

/** Runs a command that must succeed; returns what it printed. */
async function run(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await startAs('desk', args, stdin === undefined ? {} : { stdin }).ended;
  expect(code, stderr).toBe(0);
  return stdout;
}

/** Delivers everything, then moves the state of one configuration into that of another. */
async function move(from: string, to: string): Promise<void> {
  await run(['once', '-c', from]);
  await run(['state', 'import', '-', '-c', to], await run(['state', 'export', '-c', from]));
}

describe.skipIf(NO_POSTGRES)('a state that moves', () => {
  it('from a directory to PostgreSQL and back: nothing is lost, and nothing is sent as something new', async () => {
    await using world = await startWorld({ seed: 97, trouble: false });
    await using server = await startPostgres();
    await using cluster = await clusterOn(world, server.url());
    const inDirectory = (path: string) =>
      stringify({ state: { path: `${path}/state` }, ...world.configuration });
    await using first = await workspace(inDirectory);
    await using last = await workspace(inDirectory);
    await run(['once', '-c', first.config]);

    await move(first.config, cluster.config);
    for (let number = 1; number <= 2; number += 1) cluster.replicas.start();
    const [siem] = world.destinations.values();
    await everySourcePolled(world, cluster);
    await siem?.until(siem.received().length + 200);
    await cluster.replicas.stop();
    await move(cluster.config, last.config);
    await settle(world, last.config);

    report('records', figuresOf(world));
    expect(faultsOf(world)).toEqual([]);
  });
});
