import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Replica } from '../src/journal/leases.ts';
import { Database, type Shared } from './database.ts';
import { progress, unevenness } from './measure.ts';
import { requireEach } from './receiver.ts';
import { Group } from './replica-group.ts';
import { sourcesOf, startEnds } from './streams.ts';

/** How much is measured. */
export interface SpreadLoad {
  readonly sources: number;
  readonly replicas: number;
  readonly leaseSeconds: number;
  /** How often each source is polled. */
  readonly everySeconds: number;
}

/** How sources spread over replicas, and what happens when one of these is killed. */
export interface SpreadCost extends SpreadLoad {
  /** Sources of each replica. */
  readonly shares: readonly number[];
  /** Until the shares were even, from the start of the first process. */
  readonly spreadSeconds: number;
  /** From SIGKILL until the others held every source of the one that was killed. */
  readonly takeoverSeconds: number;
  /** From SIGKILL until each of them was polled again. */
  readonly polledSeconds: number;
  readonly sharesAfter: readonly number[];
  /** The most memory of each replica, the one that was killed first. */
  readonly peakMiB: readonly number[];
}

/** Shares are even when each is this close to the mean, in parts of it. */
const EVEN = 0.2;

/** A takeover takes at most so many leases. */
const TAKEOVER = 2;

/** What misses its goal, in words. Memory and the other times are figures only. */
export function spreadMisses({ shares, takeoverSeconds, leaseSeconds }: SpreadCost): string[] {
  const leases = takeoverSeconds / leaseSeconds;
  return [
    ...(unevenness(shares) > EVEN ? [`shares of ${shares.join(', ')} are not even`] : []),
    ...(leases > TAKEOVER ? [`a takeover took ${leases.toFixed(2)} leases, more than ${TAKEOVER}`] : []),
  ];
}

/** Sources of one stream each over replicas that share one PostgreSQL. @throws when a record is lost or doubled */
export async function measureSpread(load: SpreadLoad, parent: string): Promise<SpreadCost> {
  const { sources, replicas, leaseSeconds, everySeconds } = load;
  progress(`spread: ${sources} sources over ${replicas} replicas`);
  const directory = join(parent, 'spread');
  await rm(directory, { recursive: true, force: true });
  await using database = await Database.start();
  await using shared = database.schema('spread', leaseSeconds * 1000);
  await using ends = await startEnds();
  const layout = sourcesOf({ sources, streamsEach: 1 }, ends.vendorUrl, `${everySeconds}s`);
  const began = performance.now();
  await using group = await Group.start(shared.setting + ends.destinations + layout, directory, replicas);
  const before = await untilEven(group, shared, sources);
  const spreadSeconds = secondsSince(began);
  const shares = before.map((replica) => replica.sources.length);
  const isDelivered = async () => (await ends.receiver.arrived()) >= sources;
  await group.until('a record of each source', isDelivered, 250);
  progress(`spread: ${shares.join(', ')} after ${spreadSeconds.toFixed(1)} s; one replica is killed`);

  const [victim] = before as [Replica];
  const polls = pollsOf(ends.asked);
  const killed = performance.now();
  const peak = await group.kill(victim.name);
  const after = await untilTaken(group, shared, victim);
  const takeoverSeconds = secondsSince(killed);
  await group.until('a poll of each source', async () => {
    const now = pollsOf(ends.asked);
    return victim.sources.every((name) => (now.get(name) ?? 0) > (polls.get(name) ?? 0));
  });
  const polledSeconds = secondsSince(killed);

  const peaks = (await group.stop()).map(({ peakMiB }) => peakMiB);
  requireEach(await ends.receiver.take(), sources, 'spread');
  const sharesAfter = after.map((replica) => replica.sources.length);
  const peakMiB = [peak, ...peaks];
  return { ...load, shares, spreadSeconds, takeoverSeconds, polledSeconds, sharesAfter, peakMiB };
}

/** Polls by source. */
function pollsOf(asked: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...asked].map(([stream, count]) => [/^\/api\/v1\/([^/]+)/.exec(stream)?.[1] ?? '', count]));
}

/** The replicas when they hold all sources, in shares that are even. */
async function untilEven(group: Group, shared: Shared, sources: number): Promise<readonly Replica[]> {
  let held: readonly Replica[] = [];
  await group.until('even shares', async () => {
    held = await shared.replicas();
    const shares = held.map((replica) => replica.sources.length);
    const total = shares.reduce((sum, share) => sum + share, 0);
    return held.length === group.size && total === sources && unevenness(shares) <= EVEN;
  });
  return held;
}

/** The others when they hold all that a replica held. */
async function untilTaken(group: Group, shared: Shared, victim: Replica): Promise<readonly Replica[]> {
  let held: readonly Replica[] = [];
  await group.until('a takeover', async () => {
    held = (await shared.replicas()).filter(({ id }) => id !== victim.id);
    const taken = new Set(held.flatMap((replica) => replica.sources));
    return victim.sources.every((name) => taken.has(name));
  });
  return held;
}

function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
