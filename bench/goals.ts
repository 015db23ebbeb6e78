import type { VariantCost } from './variants.ts';
import { unevenness } from './measure.ts';
import type { Figures } from './results.ts';

/** A figure beside its goal. */
export interface Goal {
  readonly figure: string;
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

/** The goals whose parts were measured. */
export function goalsOf(figures: Partial<Figures>): readonly Goal[] {
  return [
    ...costGoals(figures.cost?.variants ?? []),
    ...memoryGoals(figures.memory ?? []),
    ...startGoals(figures.start ?? []),
    ...idleGoals(figures.idle ?? []),
    ...streamGoals(figures.streams ?? []),
    ...(figures.page === undefined ? [] : pageGoals(figures.page)),
    ...(figures.spread === undefined ? [] : spreadGoals(figures.spread)),
  ];
}

function atMost(figure: string, value: number, most: number, show: (value: number) => string): Goal {
  return { figure, goal: `≤ ${show(most)}`, measured: show(value), met: value <= most };
}

const mebibytes = (value: number) => `${value.toFixed(0)} MiB`;
const percentFromEven = (value: number) => `${(value * 100).toFixed(0)} % from even`;
const leases = (value: number) => `${value.toFixed(2)} leases`;
const timesFloor = (value: number) => `${value.toFixed(2)} × the floor`;

function costGoals(variants: readonly VariantCost[]): Goal[] {
  const plain = variants.find(
    ({ tool, profile, encoding, compression }) =>
      tool === 'penstock' && profile === 'attributes' && encoding === 'protobuf' && compression === 'gzip',
  );
  if (plain === undefined) return [];
  const others = variants.filter(({ tool, compression }) => tool === 'penstock' && compression === 'gzip');
  const most = Math.max(...others.map(({ cpu }) => cpu.median)) / plain.cpu.median;
  return [
    atMost('CPU a record, poll to acknowledged', plain.cpuRatio, 0.8, timesFloor),
    {
      figure: 'records a second, wall clock',
      goal: `≥ ${timesFloor(1.2)}`,
      measured: timesFloor(plain.rateRatio),
      met: plain.rateRatio >= 1.2,
    },
    atMost(
      'CPU of the most expensive profile or encoding',
      most,
      2,
      (value) => `${value.toFixed(2)} × \`attributes\``,
    ),
  ];
}

function memoryGoals(memory: Figures['memory']): Goal[] {
  const [least, most] = [memory.at(0), memory.at(-1)];
  if (least === undefined || most === undefined) return [];
  const grown = most.peakMiB.median / least.peakMiB.median - 1;
  return [
    atMost(`peak memory, ${most.rows.toLocaleString('en')} rows`, most.peakMiB.median, 150, mebibytes),
    {
      figure: `the same, against ${least.rows.toLocaleString('en')} rows`,
      goal: '± 10 %',
      measured: `${grown < 0 ? '−' : '+'}${Math.abs(grown * 100).toFixed(0)} %`,
      met: Math.abs(grown) <= 0.1,
    },
  ];
}

function startGoals(start: Figures['start']): Goal[] {
  return start
    .filter(({ limit }) => limit !== undefined)
    .map(({ name, ratio, limit = NaN }) =>
      atMost(`\`${name}\``, ratio, limit, (value) => `${value.toFixed(1)} × \`node -e 0\``),
    );
}

/** By number of streams. MiB. */
const IDLE_LIMITS = new Map([
  [1, 80],
  [1_000, 150],
]);

function idleGoals(idle: Figures['idle']): Goal[] {
  const perPoll = Math.max(...idle.map(({ requestsPerPoll }) => requestsPerPoll));
  const memory = idle.flatMap(({ sources, streamsEach, residentMiB }) => {
    const streams = sources * streamsEach;
    const limit = IDLE_LIMITS.get(streams);
    const name = `idle daemon, ${streams === 1 ? '1 stream' : `${streams.toLocaleString('en')} streams`}`;
    return limit === undefined ? [] : [atMost(name, residentMiB, limit, mebibytes)];
  });
  if (idle.length === 0) return [];
  const requests = { figure: 'requests per poll at rest', goal: '1', measured: perPoll.toFixed(2) };
  return [...memory, { ...requests, met: perPoll < 1.005 }];
}

function streamGoals(streams: Figures['streams']): Goal[] {
  if (streams.length === 0) return [];
  const p99 = Math.max(...streams.map(({ loopDelay }) => loopDelay.p99));
  const most = Math.max(...streams.map(({ sources, streamsEach }) => sources * streamsEach));
  // While one stream waits, no other is polled twice.
  const starved = streams.some(({ fewestPolls, mostPolls }) => mostPolls > fewestPolls + 1);
  const due = `${most.toLocaleString('en')} streams due at once`;
  return [
    atMost(`${due}: event loop delay p99`, p99, 50, (value) => `${value.toFixed(0)} ms`),
    {
      figure: `${due}: a stream that starves`,
      goal: 'none',
      measured: starved ? 'some' : 'none',
      met: !starved,
    },
  ];
}

/** The default timeout of a Kubernetes probe. Milliseconds. */
const PROBE_TIMEOUT = 1_000;

function pageGoals({ bytes, peakMiB, livez }: Figures['page']): Goal[] {
  const page = `a page of ${mebibytes(bytes / 2 ** 20)}`;
  return [
    atMost(`${page}: peak memory`, peakMiB, 1_000, mebibytes),
    atMost(
      `${page}: longest answer of \`/livez\``,
      livez.max,
      PROBE_TIMEOUT,
      (value) => `${value.toFixed(0)} ms`,
    ),
  ];
}

function spreadGoals({ sources, replicas, leaseSeconds, ...one }: Figures['spread']): Goal[] {
  const what = `${sources.toLocaleString('en')} sources over ${replicas} replicas`;
  return [
    atMost(`${what}: shares`, unevenness(one.shares), 0.2, percentFromEven),
    atMost(`${what}: takeover after SIGKILL`, one.takeoverSeconds / leaseSeconds, 2, leases),
    atMost(`${what}: peak memory of each`, Math.max(...one.peakMiB), 200, mebibytes),
  ];
}
