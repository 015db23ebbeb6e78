import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { startConsole, TOKEN } from './console.ts';
import { Daemon } from './daemon.ts';
import { progress } from './measure.ts';
import { requireEach, startReceiver } from './receiver.ts';

/** What a backlog costs: rows that are collected while the destination is away, and delivered when it is back. */
export interface JournalCost {
  readonly rows: number;
  /** Of the state when everything waits. */
  readonly stateMiB: number;
  readonly collectPeakMiB: number;
  readonly collectRate: number;
  /** From the start of the process with the backlog to the first request to the destination. */
  readonly openSeconds: number;
  readonly drainPeakMiB: number;
  /** Records a second: of the whole, of its first and of its last quarter. */
  readonly drainRate: number;
  readonly firstQuarterRate: number;
  readonly lastQuarterRate: number;
}

/** Fills a journal and drains it. @throws when a row is lost or doubled */
export async function measureJournal(rows: number, directory: string): Promise<JournalCost> {
  await using console = await startConsole(rows);
  await using receiver = await startReceiver();
  const state = join(directory, 'state');
  await rm(state, { recursive: true, force: true });
  const config = `state: { path: ${state}, max_bytes: 32GiB, retain: 0s }
destinations: { siem: { endpoint: "${receiver.url}" } }
sources:
  console: { type: qradar-login-attempts, base_url: "${console.url}", token: ${TOKEN}, page_size: 1000, initial_lookback: 2h, resolve_users: false, schedule: every 12h, ledger: { max: 32GiB } }
`;
  progress(`journal: ${rows} rows are collected while the destination is away`);
  receiver.refuse = true;
  const filled = await fill(config, { rows, directory });
  const stateMiB = (await sizeOf(state)) / 2 ** 20;
  progress(`journal: ${stateMiB.toFixed(0)} MiB are delivered`);
  receiver.refuse = false;
  const drained = await drain(config, { rows, directory, requests: () => receiver.requests });
  requireEach(await receiver.take(), rows, 'journal');
  return { rows, stateMiB, ...filled, ...drained };
}

async function fill(config: string, { rows, directory }: { rows: number; directory: string }) {
  const began = performance.now();
  await using daemon = await Daemon.start(config, directory);
  const queued = async () => (await daemon.metric('penstock_events_total', 'outcome="new"')) >= rows;
  await daemon.until('everything to be queued', queued, 1000);
  const collectRate = rows / ((performance.now() - began) / 1000);
  const { peakMiB: collectPeakMiB } = await daemon.stop();
  return { collectPeakMiB, collectRate };
}

interface Draining {
  readonly rows: number;
  readonly directory: string;
  /** Requests that the destination got so far. */
  readonly requests: () => number;
}

async function drain(config: string, { rows, directory, requests }: Draining) {
  const before = requests();
  const began = performance.now();
  await using daemon = await Daemon.start(config, directory);
  await daemon.until('the first request', () => requests() > before, 5);
  const first = performance.now();
  const times: number[] = [];
  for (const part of [0.25, 0.75, 1]) {
    const isDelivered = async () => (await daemon.metric('penstock_delivered_events_total')) >= rows * part;
    await daemon.until('the records to be delivered', isDelivered, 250);
    times.push(performance.now());
  }
  const [quarter = NaN, three = NaN, end = NaN] = times;
  const { peakMiB: drainPeakMiB } = await daemon.stop();
  return {
    openSeconds: (first - began) / 1000,
    drainPeakMiB,
    drainRate: rate(rows, first, end),
    firstQuarterRate: rate(rows / 4, first, quarter),
    lastQuarterRate: rate(rows / 4, three, end),
  };
}

/** Records a second, between two times in milliseconds. */
function rate(records: number, from: number, to: number): number {
  return records / ((to - from) / 1000);
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
  );
  return sizes.reduce((total, size) => total + size, 0);
}
