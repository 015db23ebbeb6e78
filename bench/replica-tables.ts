import { unevenness } from './measure.ts';
import type { Figures } from './results.ts';
import { count, spread, table } from './text.ts';

/** The part `replicas` of the report. */
export function replicasSection({ consoles, rowsEach, runs, costs }: Figures['replicas']): string {
  const rows = costs.map((cost) => [
    cost.state,
    String(cost.replicas),
    spread(cost.rate, 0),
    cost.ratio.toFixed(2),
    spread(cost.cpu, 1),
    cost.databaseCpu === undefined ? '' : spread(cost.databaseCpu, 1),
    spread(cost.peakMiB, 0),
  ]);
  return `## Replicas

${consoles} consoles with ${count(rowsEach)} login attempts each, one destination, ${runs} ${runs === 1 ? 'run' : 'runs'} each: \`penstock run\` on SQLite, and replicas that
share one PostgreSQL. From the moment that the consoles have their rows until all have arrived; the replicas run already, and
have spread the consoles among them. Consoles, replicas, PostgreSQL and receiver share the cores of one machine, so replicas gain
here only what one process leaves idle. PostgreSQL syncs every commit, and has its defaults.

${table(
  [
    'state',
    'replicas',
    'records a second',
    '× SQLite',
    'µs CPU a record, all replicas',
    'µs CPU a record, PostgreSQL',
    'peak MiB of a replica',
  ],
  rows,
)}`;
}

/** The part `spread` of the report. */
export function spreadSection(one: Figures['spread']): string {
  const { sources, replicas, leaseSeconds, everySeconds } = one;
  return `## Many sources

${count(sources)} sources of one stream each over ${replicas} replicas, each source polled every ${everySeconds} s, with a lease of ${leaseSeconds} s. Then one replica is
killed (SIGKILL).

${table(
  [
    'shares',
    'furthest from the mean',
    'seconds until even',
    'taken over after, s',
    'in leases',
    'all polled again after, s',
    'shares then',
    'peak MiB of each',
  ],
  [
    [
      one.shares.join(', '),
      `${(unevenness(one.shares) * 100).toFixed(1)} %`,
      one.spreadSeconds.toFixed(1),
      one.takeoverSeconds.toFixed(1),
      (one.takeoverSeconds / leaseSeconds).toFixed(2),
      one.polledSeconds.toFixed(1),
      one.sharesAfter.join(', '),
      one.peakMiB.map((peak) => peak.toFixed(0)).join(', '),
    ],
  ],
)}`;
}
