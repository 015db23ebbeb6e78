import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ClosedClock, startConsole, TOKEN } from './console.ts';
import { Database, type Shared } from './database.ts';
import { type Figure, figureOf, progress } from './measure.ts';
import { type Receiver, requireEach, startReceiver } from './receiver.ts';
import { Group } from './replica-group.ts';

/** How much is measured. */
export interface ReplicaLoad {
  readonly consoles: number;
  readonly rowsEach: number;
  readonly runs: number;
  /** Each number of replicas on PostgreSQL. */
  readonly replicas: readonly number[];
}

/** What some replicas do with one state, in all runs. */
export interface ReplicasCost {
  readonly state: 'SQLite' | 'PostgreSQL';
  readonly replicas: number;
  /** Records a second, from the moment that the consoles have them until all have arrived. */
  readonly rate: Figure;
  /** The rate, divided by that of SQLite. */
  readonly ratio: number;
  /** CPU time of all replicas, microseconds a record. */
  readonly cpu: Figure;
  /** CPU time of the database, microseconds a record. */
  readonly databaseCpu: Figure | undefined;
  /** The most memory of any replica. */
  readonly peakMiB: Figure;
}

/** The load, and what each state made of it. */
export interface ReplicasFigures extends Omit<ReplicaLoad, 'replicas'> {
  readonly costs: readonly ReplicasCost[];
}

/** Short, so that the consoles are spread soon; what is measured begins after that. Milliseconds. */
const LEASE = 3_000;

/** One number of replicas in one run. */
interface Run {
  readonly rate: number;
  readonly cpu: number;
  readonly databaseCpu: number;
  readonly peakMiB: number;
}

/**
 * Records a second through one state: `penstock run` on SQLite, and replicas that share one PostgreSQL. The replicas run and
 * have shared the consoles when these get their rows. @throws when a row is lost or doubled
 */
export async function measureReplicas(load: ReplicaLoad, directory: string): Promise<ReplicasFigures> {
  await using database = await Database.start();
  await using receiver = await startReceiver();
  const counts = [0, ...load.replicas];
  const all = new Map<number, Run[]>(counts.map((count) => [count, []]));
  for (let run = 1; run <= load.runs; run += 1) {
    for (const count of counts) {
      const measured = await measureOnce(load, { count, run, database, receiver, directory });
      all.get(count)?.push(measured);
      progress(
        `replicas ${run}/${load.runs}: ${nameOf(count)}: ${measured.rate.toFixed(0)} records a second`,
      );
    }
  }
  const { consoles, rowsEach, runs } = load;
  return { consoles, rowsEach, runs, costs: summaries(all) };
}

function nameOf(count: number): string {
  return count === 0 ? 'SQLite' : `${count} on PostgreSQL`;
}

interface Setting {
  /** Replicas on PostgreSQL; 0: one process on SQLite. */
  readonly count: number;
  readonly run: number;
  readonly database: Database;
  readonly receiver: Receiver;
  readonly directory: string;
}

async function measureOnce({ consoles: number, rowsEach }: ReplicaLoad, setting: Setting): Promise<Run> {
  const { count, run, database, receiver } = setting;
  await using stack = new AsyncDisposableStack();
  const clock = new ClosedClock();
  const consoles = await Promise.all(Array.from({ length: number }, () => startConsole(rowsEach, clock)));
  for (const console of consoles) stack.use(console);
  const directory = join(setting.directory, 'replicas');
  await rm(directory, { recursive: true, force: true });
  const shared = count === 0 ? undefined : stack.use(database.schema(`run_${run}_${count}`, LEASE));
  const state = shared?.setting ?? `state: { path: ${join(directory, 'state')}, max_bytes: 16GiB }\n`;
  const config = state + configOf(consoles, receiver);
  const group = stack.use(await Group.start(config, directory, Math.max(1, count)));
  // Each console was polled when it was empty, so its cursor is before all rows.
  await group.until('polls of each console', async () =>
    consoles.every(({ requests }) => requests.length > 2),
  );
  if (shared !== undefined) await untilEven(group, shared, number / group.size);

  const rows = number * rowsEach;
  const [cpu, databaseCpu] = [await group.cpuSeconds(), await database.cpuSeconds()];
  clock.open();
  const began = performance.now();
  const isDelivered = async () => (await receiver.arrived()) >= rows;
  await group.until('the records to be delivered', isDelivered);
  const seconds = (performance.now() - began) / 1000;
  const [cpuAfter, databaseCpuAfter] = [await group.cpuSeconds(), await database.cpuSeconds()];
  const usages = await group.stop();
  requireEach(await receiver.take(), rows, nameOf(count));
  return {
    rate: rows / seconds,
    cpu: ((cpuAfter - cpu) / rows) * 1e6,
    databaseCpu: ((databaseCpuAfter - databaseCpu) / rows) * 1e6,
    peakMiB: Math.max(...usages.map(({ peakMiB }) => peakMiB)),
  };
}

function configOf(consoles: readonly { readonly url: string }[], { url }: Receiver): string {
  return `destinations: { siem: { endpoint: "${url}" } }
defaults:
  qradar-login-attempts: { token: ${TOKEN}, page_size: 1000, initial_lookback: 1m, resolve_users: false, schedule: every 1s }
sources:
${consoles.map((console, index) => `  c${index}: { type: qradar-login-attempts, base_url: "${console.url}" }`).join('\n')}
`;
}

async function untilEven(group: Group, shared: Shared, share: number): Promise<void> {
  const isEven = async () => {
    const replicas = await shared.replicas();
    return replicas.length === group.size && replicas.every(({ sources }) => sources.length === share);
  };
  await group.until('an even share of the consoles', isEven, 250);
}

function summaries(all: ReadonlyMap<number, readonly Run[]>): ReplicasCost[] {
  const plain = [...all].map(([count, runs]) => ({
    state: count === 0 ? ('SQLite' as const) : ('PostgreSQL' as const),
    replicas: Math.max(1, count),
    rate: figureOf(runs.map(({ rate }) => rate)),
    cpu: figureOf(runs.map(({ cpu }) => cpu)),
    databaseCpu: count === 0 ? undefined : figureOf(runs.map(({ databaseCpu }) => databaseCpu)),
    peakMiB: figureOf(runs.map(({ peakMiB }) => peakMiB)),
  }));
  const sqlite = plain[0]?.rate.median ?? NaN;
  return plain.map((cost) => ({ ...cost, ratio: cost.rate.median / sqlite }));
}
