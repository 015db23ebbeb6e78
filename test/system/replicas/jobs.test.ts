import { describe, expect, it } from 'vitest';
import { refusing } from '../../../src/simulators/otlp-receiver.ts';
import { loginAttempts } from '../../../src/simulators/qradar-generator.ts';
import { seeded } from '../../../src/simulators/seeded.ts';
import type { Ended } from '../../support/cli.ts';
import { NO_POSTGRES, startPostgres } from '../../support/postgres.ts';
import { type Cluster, clusterOn, everySourcePolled, logsOf, until } from './cluster.ts';
import { faultsOf, figuresOf, report } from './judge.ts';
import { holderOf } from './polls.ts';
import { startAs } from './replica.ts';
import { settle } from './settle.ts';
import { startWorld, type World } from './world.ts';

const HOUR = 3_600_000;
const PAST = 2_000;

/** Two replicas that have read what is new, and a command that runs elsewhere. */
async function twoReplicas(seed: number) {
  await using started = new AsyncDisposableStack();
  const world = started.use(await startWorld({ seed, trouble: false, rows: 300 }));
  const server = started.use(await startPostgres());
  const cluster = started.use(await clusterOn(world, server.url()));
  for (let number = 1; number <= 2; number += 1) cluster.replicas.start();
  await everySourcePolled(world, cluster);
  const resources = started.move();
  return {
    world,
    cluster,
    /** Starts a command on a machine of its own. */
    command: (...args: string[]) => startAs('desk', [...args, '-c', cluster.config, '--json']),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function lastLine({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Record<string, unknown>;
}

/** Kills the replica that works on a destination, as `status` names it, and starts another one. */
async function killDelivererOf(destination: string, { config, replicas }: Cluster): Promise<void> {
  const { stdout } = await startAs('desk', ['status', '--json', '-c', config]).ended;
  const status = JSON.parse(stdout) as { replicas: { name: string; destinations: string[] }[] };
  const holder = status.replicas.find(({ destinations }) => destinations.includes(destination));
  const replica = replicas.running.find(({ name }) => name === holder?.name);
  if (replica === undefined) throw new Error(`nobody delivers to ${destination}: ${stdout}`);
  await replicas.kill(replica);
  replicas.start();
}

async function finish(world: World, cluster: Cluster): Promise<void> {
  await cluster.replicas.stop();
  await settle(world, cluster.config);
  report('records', figuresOf(world));
  expect(faultsOf(world)).toEqual([]);
}

describe.skipIf(NO_POSTGRES)('a job that a command left on another machine', () => {
  it('a backfill goes on in another replica when the one that reads is killed', async () => {
    await using test = await twoReplicas(79);
    const { world, cluster } = test;
    const console = world.consoles.get('console-1');
    if (console === undefined) throw new Error('a world has consoles');
    const span = { from: Date.now() - 29 * HOUR, to: Date.now() - 21 * HOUR };
    console.add(loginAttempts({ random: seeded(79), count: PAST, ...span }));
    const isPast = (filter: string | null) => {
      const [, from] = /attempt_time >= (\d+)/.exec(filter ?? '') ?? [];
      return from !== undefined && Number(from) < Date.now() - 15 * HOUR;
    };

    const backfill = test.command('backfill', 'console-1', '--from', '30h', '--to', '20h');
    await until(
      () => console.requests.filter(({ query }) => isPast(query.get('filter'))).length >= 3,
      () => `${backfill.stderr()}\n${logsOf(cluster)}`,
    );
    const reader = cluster.replicas.running.find(({ name }) => name === holderOf(world, 'console-1'));
    if (reader === undefined) throw new Error('nobody reads console-1');
    await cluster.replicas.kill(reader);
    const ended = await backfill.ended;

    expect(ended.code, ended.stderr).toBe(0);
    // What was committed before the kill is not counted again, and not sent as something new.
    expect(lastLine(ended)).toMatchObject({ kind: 'backfill', state: 'finished', code: 0 });
    await finish(world, cluster);
  });

  it('a replay goes on in another replica when the one that sends is killed', async () => {
    await using test = await twoReplicas(83);
    const { world, cluster } = test;
    const siem = world.destinations.get('siem');
    if (siem === undefined) throw new Error('a world has destinations');
    await siem.until(1_000);
    const before = figuresOf(world)['siem'];

    const asked = siem.requests.length;
    const replay = test.command('replay', '--destination', 'siem', '--from', '1h');
    await siem.asked(asked + 1);
    await killDelivererOf('siem', cluster);
    const ended = await replay.ended;

    expect(ended.code, ended.stderr).toBe(0);
    expect(figuresOf(world)['siem']?.repeats).toBeGreaterThanOrEqual(before?.records ?? Infinity);
    await finish(world, cluster);
  });

  it('a retry of dead letters is done by another replica when the one that sends is killed', async () => {
    await using test = await twoReplicas(89);
    const { world, cluster } = test;
    const siem = world.destinations.get('siem');
    if (siem === undefined) throw new Error('a world has destinations');
    let refused = '';
    siem.answer = (request) => {
      refused ||= request.records[0]?.uid ?? '';
      return refusing(({ uid }) => uid === refused)(request);
    };
    await until(
      () => refused !== '' && siem.received().length > 500,
      () => logsOf(cluster),
    );
    const held = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    siem.answer = async ({ records }) => {
      if (!records.some(({ uid }) => uid === refused)) return { status: 200 };
      seen.resolve();
      await held.promise;
      return { status: 200 };
    };

    const retry = test.command('dead-letters', 'retry');
    await seen.promise;
    await killDelivererOf('siem', cluster);
    held.resolve();
    const ended = await retry.ended;

    expect(ended.code, ended.stderr).toBe(0);
    const { stdout } = await test.command('dead-letters', 'list').ended;
    expect(stdout).not.toContain(refused);
    expect(siem.ids().get(refused)?.length).toBeGreaterThan(0);
    await finish(world, cluster);
  });
});
