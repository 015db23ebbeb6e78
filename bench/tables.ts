import { nameOf } from './variants.ts';
import type { Figures, Part } from './results.ts';
import { replicasSection, spreadSection } from './replica-tables.ts';
import { startTable } from './start.ts';
import { count, spread, table } from './text.ts';

/** The tables of the parts that were measured, each below its heading. */
export function partTables(figures: Partial<Figures>): string {
  const { cost, start, memory, idle, streams, page, journal, replicas } = figures;
  const tables = [
    cost && TABLES.cost(cost),
    start && TABLES.start(start),
    memory && TABLES.memory(memory),
    idle && TABLES.idle(idle),
    streams && TABLES.streams(streams),
    page && TABLES.page(page),
    journal && TABLES.journal(journal),
    replicas && TABLES.replicas(replicas),
    figures.spread && TABLES.spread(figures.spread),
  ];
  return tables.filter((one) => one !== undefined).join('\n\n');
}

const TABLES: { readonly [P in Part]: (measured: Figures[P]) => string } = {
  cost: ({ rows, runs, variants }) => `## A record

${count(rows)} login attempts in pages of 1,000, ${runs} ${runs === 1 ? 'run' : 'runs'} each; 27 attributes a record.

${costTable(variants)}`,

  start: (start) => `## Start

The built program, started again and again, with a warm compile cache; \`first\` fills the cache.

${startTable(start).trim()}`,

  memory: (memory) => `## Memory

The most that was resident in a \`penstock once\` that collects and delivers so many rows.

${table(
  ['rows', 'peak MiB'],
  memory.map(({ rows, peakMiB }) => [count(rows), spread(peakMiB, 0)]),
)}`,

  idle: (idle) => `## At rest

\`penstock run\` with its admin endpoint, when there is nothing new.

${table(
  [
    'streams',
    'a poll of each',
    'resident MiB',
    'since start, peak MiB',
    'CPU, % of a core',
    'requests a poll',
  ],
  idle.map((one) => [
    count(one.sources * one.streamsEach),
    `every ${one.everySeconds} s`,
    one.residentMiB.toFixed(0),
    one.peakMiB.toFixed(0),
    one.cpuPercent.toFixed(1),
    one.requestsPerPoll.toFixed(2),
  ]),
)}`,

  streams: (streams) => `## Streams that are due at once

A daemon whose streams are all due in the same second. Each has one row, and nothing new.

${table(
  [
    'sources',
    'streams',
    'event loop delay p99, ms',
    'longest, ms',
    'seconds until all were polled',
    'fewest and most polls',
    'peak MiB',
  ],
  streams.map((one) => [
    count(one.sources),
    count(one.sources * one.streamsEach),
    one.loopDelay.p99.toFixed(1),
    one.loopDelay.max.toFixed(0),
    one.roundSeconds.toFixed(1),
    `${one.fewestPolls} and ${one.mostPolls} in ${one.rounds}`,
    one.peakMiB.toFixed(0),
  ]),
)}`,

  page: ({ bytes, rows, seconds, peakMiB, livez }) => `## A large page

One answer of a vendor, read by a daemon that is asked for \`/livez\` every 20 ms meanwhile.

${table(
  ['MiB', 'rows', 'seconds until delivered', 'peak MiB', '`/livez` p99, ms', 'longest, ms'],
  [
    [
      (bytes / 2 ** 20).toFixed(0),
      count(rows),
      seconds.toFixed(1),
      peakMiB.toFixed(0),
      livez.p99.toFixed(0),
      livez.max.toFixed(0),
    ],
  ],
)}`,

  journal: (one) => `## A backlog

Rows that are collected while the destination is away, and delivered after a restart. \`npm run bench -- journal --rows 10000000\`
measures ten million; it needs half an hour.

${table(
  [
    'rows',
    'state, MiB',
    'collected a second',
    'peak MiB',
    'start to first request, s',
    'delivered a second',
    'first and last quarter',
    'peak MiB',
  ],
  [
    [
      count(one.rows),
      one.stateMiB.toFixed(0),
      count(one.collectRate),
      one.collectPeakMiB.toFixed(0),
      one.openSeconds.toFixed(1),
      count(one.drainRate),
      `${count(one.firstQuarterRate)} and ${count(one.lastQuarterRate)}`,
      one.drainPeakMiB.toFixed(0),
    ],
  ],
)}`,

  replicas: replicasSection,
  spread: spreadSection,
};

function costTable(costs: Figures['cost']['variants']): string {
  const rows = costs.map((cost) => [
    nameOf(cost),
    spread(cost.cpu, 1),
    cost.cpuRatio.toFixed(2),
    spread(cost.rate, 0),
    cost.rateRatio.toFixed(2),
    spread(cost.peakMiB, 0),
    cost.wireBytes.toFixed(0),
  ]);
  return table(
    ['', 'µs CPU a record', '× floor', 'records a second', '× floor', 'peak MiB', 'bytes a record sent'],
    rows,
  );
}
