import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/core/clock.ts';
import { serve, type Simulator } from '../src/simulators/server.ts';
import { Daemon, type LoopDelay } from './daemon.ts';
import { figureOf, progress } from './measure.ts';
import { type Receiver, startReceiver } from './receiver.ts';

/** How many sources poll how many streams each. */
export interface Layout {
  readonly sources: number;
  readonly streamsEach: number;
}

/** What a daemon costs at rest. */
export interface IdleCost extends Layout {
  /** The most that was resident while it rested, and since its start. */
  readonly residentMiB: number;
  readonly peakMiB: number;
  /** Of one core, in percent, with a poll of every stream every `every` seconds. */
  readonly cpuPercent: number;
  readonly everySeconds: number;
  /** Requests to the vendor for each poll of a stream. */
  readonly requestsPerPoll: number;
}

/** Streams that are all due at once. */
export interface RushCost extends Layout {
  readonly loopDelay: LoopDelay;
  /** How long it took until each stream was polled once, seconds: the median of the rounds. */
  readonly roundSeconds: number;
  readonly rounds: number;
  /** The fewest and the most polls of any stream in all rounds. */
  readonly fewestPolls: number;
  readonly mostPolls: number;
  readonly peakMiB: number;
}

const TOKEN = 'token-of-the-bench';
const TYPES = ['attack_source', 'country', 'endpoint', 'reason', 'rule'];

/** Sources of BotBye, s0, s1 and so on: a stream for each project and type. One project with `types` below five. */
export function sourcesOf({ sources, streamsEach }: Layout, url: string, every: string): string {
  const types = TYPES.slice(0, Math.min(streamsEach, TYPES.length));
  const projects = Array.from({ length: Math.ceil(streamsEach / types.length) }, (_, index) => `p${index}`);
  const names = Array.from({ length: sources }, (_, index) => `s${index}`);
  return `defaults:
  botbye-declined-requests:
    base_url: ${url}
    token: ${TOKEN}
    schedule: every ${every}
    interval_type: MONTH
    edge_guard: 0s
    types: [${types.join(', ')}]
    project_ids: [${projects.join(', ')}]
sources:
${names.map((name) => `  ${name}: { type: botbye-declined-requests, account_id: ${name} }`).join('\n')}
`;
}

/** Counts requests by stream, and gives each stream one counter that stays as it is. */
async function startVendor(): Promise<{ readonly vendor: Simulator; readonly asked: Map<string, number> }> {
  const asked = new Map<string, number>();
  const vendor = await serve(
    ({ path, query }) => {
      const stream = `${path} ${query.get('type')}`;
      asked.set(stream, (asked.get(stream) ?? 0) + 1);
      const [, project = ''] = /projects\/([^/]+)/.exec(path) ?? [];
      const row = { id: `${project}_1`, projectId: project, declinedReqCount: 7, remoteAddr: '192.0.2.7' };
      return { status: 200, body: [row] };
    },
    { clock: systemClock },
  );
  return { vendor, asked };
}

interface Ends extends AsyncDisposable {
  /** The configuration without the sources and the state. */
  readonly destinations: string;
  readonly receiver: Receiver;
  readonly vendorUrl: string;
  /** Requests by stream. */
  readonly asked: ReadonlyMap<string, number>;
}

/** A vendor with one row in each stream, and a receiver. */
export async function startEnds(): Promise<Ends> {
  const { vendor, asked } = await startVendor();
  const receiver = await startReceiver();
  return {
    destinations: `destinations: { siem: { endpoint: "${receiver.url}" } }\n`,
    receiver,
    vendorUrl: vendor.url,
    asked,
    async [Symbol.asyncDispose]() {
      await vendor[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

/** The setting of a new state. */
async function newState(directory: string): Promise<string> {
  const state = join(directory, 'state');
  await rm(state, { recursive: true, force: true });
  return `state: { path: ${state} }\n`;
}

const sum = (numbers: Iterable<number>) => Iterator.from(numbers).reduce((total, one) => total + one, 0);

const polls = async (daemon: Daemon) => daemon.metric('penstock_polls_total', 'outcome="complete"');

/** A daemon whose streams have nothing new, watched for some seconds after all were polled twice. */
export async function measureIdle(
  layout: Layout,
  { directory, everySeconds, seconds }: { directory: string; everySeconds: number; seconds: number },
): Promise<IdleCost> {
  const streams = layout.sources * layout.streamsEach;
  progress(`idle: ${streams} streams`);
  await using ends = await startEnds();
  const sources = sourcesOf(layout, ends.vendorUrl, `${everySeconds}s`);
  await using daemon = await Daemon.start(
    (await newState(directory)) + ends.destinations + sources,
    directory,
  );
  await daemon.until('two polls of each stream', async () => (await polls(daemon)) >= 2 * streams, 500);
  const [cpuBefore, pollsBefore, requestsBefore, began] = [
    await daemon.cpuSeconds(),
    await polls(daemon),
    sum(ends.asked.values()),
    performance.now(),
  ];
  let residentMiB = 0;
  await daemon.until('the end of the rest', async () => {
    residentMiB = Math.max(residentMiB, await daemon.residentMiB());
    return performance.now() - began >= seconds * 1000;
  });
  const cpu = (await daemon.cpuSeconds()) - cpuBefore;
  const requests = sum(ends.asked.values()) - requestsBefore;
  const polled = (await polls(daemon)) - pollsBefore;
  const { peakMiB } = await daemon.stop();
  return {
    ...layout,
    residentMiB,
    peakMiB,
    cpuPercent: (cpu / ((performance.now() - began) / 1000)) * 100,
    everySeconds,
    requestsPerPoll: requests / polled,
  };
}

/** Streams that are all due at once, in rounds, after a first one that opened them. @throws when a round does not end */
export async function measureRush(
  layout: Layout,
  { directory, everySeconds, rounds }: { directory: string; everySeconds: number; rounds: number },
): Promise<RushCost> {
  const streams = layout.sources * layout.streamsEach;
  progress(`streams: ${layout.sources} sources with ${layout.streamsEach} streams each`);
  await using ends = await startEnds();
  const sources = sourcesOf(layout, ends.vendorUrl, `${everySeconds}s`);
  await using daemon = await Daemon.start(
    (await newState(directory)) + ends.destinations + sources,
    directory,
    { watchLoop: true },
  );
  await daemon.until('a poll of each stream', () => ends.asked.size >= streams);
  await daemon.until('a rest', () => isQuiet(ends.asked));
  daemon.measureLoop();
  const before = new Map(ends.asked);
  const durations: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const requests = sum(ends.asked.values());
    await daemon.until('the next round', () => sum(ends.asked.values()) > requests, 5);
    const began = performance.now();
    const isPolled = (stream: string) => (ends.asked.get(stream) ?? 0) >= (before.get(stream) ?? 0) + round;
    await daemon.until('a poll of each stream', () => [...before.keys()].every(isPolled), 10);
    durations.push((performance.now() - began) / 1000);
    await daemon.until('a rest', () => isQuiet(ends.asked));
  }
  const { loopDelay = { p99: NaN, max: NaN }, peakMiB } = await daemon.stop();
  const polled = [...before].map(([stream, count]) => (ends.asked.get(stream) ?? 0) - count);
  const [fewestPolls, mostPolls] = [Math.min(...polled), Math.max(...polled)];
  return {
    ...layout,
    loopDelay,
    rounds,
    roundSeconds: figureOf(durations).median,
    fewestPolls,
    mostPolls,
    peakMiB,
  };
}

/** Whether no request came for a while. */
async function isQuiet(asked: ReadonlyMap<string, number>): Promise<boolean> {
  const before = sum(asked.values());
  await sleep(500);
  return sum(asked.values()) === before;
}
