import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { workspace } from '../../support/cli.ts';
import { askedBySource, replicaOf } from './polls.ts';
import { type Replica, Replicas } from './replica.ts';
import type { World } from './world.ts';

/** How long a replica may work without renewing its right to. Milliseconds. */
export const LEASE = 4_000;

/** Replicas that share one state, and the configuration file that they read. */
export interface Cluster extends AsyncDisposable {
  readonly config: string;
  /** Its directory, for what else a test needs there. */
  readonly path: string;
  readonly replicas: Replicas;
}

/** `database`: the connection string; `prefix`: how its replicas are called. Nothing is started yet. */
export async function clusterOn(world: World, database: string, prefix?: string): Promise<Cluster> {
  const state = { postgres: { url: database, schema: 'penstock' }, lease: `${LEASE}ms` };
  // A name that the environment gives, as in a cluster of containers.
  const common = { state, replica: `\${HOSTNAME}`, log: { level: 'info' } };
  const space = await workspace(stringify({ ...common, ...world.configuration }));
  const replicas = new Replicas(space.config, prefix);
  return {
    config: space.config,
    path: space.path,
    replicas,
    async [Symbol.asyncDispose]() {
      await replicas[Symbol.asyncDispose]();
      await space[Symbol.asyncDispose]();
    },
  };
}

/** Waits until something holds; throws what `describe` says when it never does. */
export async function until(holds: () => boolean, describe: () => string, within = 60_000): Promise<void> {
  for (const end = Date.now() + within; !holds(); await sleep(20)) {
    if (Date.now() > end) throw new Error(`not within ${within / 1_000} s: ${describe()}`);
  }
}

/** Resolves when replicas work on every source. */
export async function everySourcePolled(world: World, cluster: Cluster): Promise<void> {
  await until(
    () => askedBySource(world).every(({ requests }) => requests.length > 0),
    () => logsOf(cluster),
  );
}

/** The last lines of every replica that runs. */
export function logsOf({ replicas }: Cluster): string {
  return replicas.running
    .map((replica) => `${replica.name}: ${replica.stderr().split('\n').slice(-8).join('\n')}`)
    .join('\n');
}

/** Sources of which every poll makes a request that only they make; of failed attacks not every one does. */
function watchable(world: World): ReturnType<typeof askedBySource> {
  return askedBySource(world).filter(({ source }) => source !== 'attacks');
}

/** Sources that a replica polls: those whose latest request was its own. */
export function sourcesOf(world: World, { name }: Pick<Replica, 'name'>): string[] {
  return watchable(world)
    .filter(({ requests }) => requests.length > 0 && replicaOf(requests.at(-1) as never) === name)
    .map(({ source }) => source);
}

/** How long it took until others polled what a replica had polled, in milliseconds for each source. */
export type Takeover = Readonly<Record<string, number>>;

/** Resolves when others poll everything that a replica polled when it ended or was paused, which is now. */
export async function takenOver(world: World, cluster: Cluster, replica: Replica): Promise<Takeover> {
  const since = Date.now();
  const sources = sourcesOf(world, replica);
  const first = (source: string) =>
    askedBySource(world)
      .find((asked) => asked.source === source)
      ?.requests.find((request) => request.at >= since && replicaOf(request) !== replica.name)?.at;
  await until(
    () => sources.every((source) => first(source) !== undefined),
    () =>
      `${sources.filter((source) => first(source) === undefined).join()} of ${replica.name}\n${logsOf(cluster)}`,
  );
  return Object.fromEntries(sources.map((source) => [source, (first(source) ?? 0) - since]));
}
