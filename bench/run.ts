/**
 * Measures Penstock beside the floor (`floor.ts`): whole processes, side by side in one run.
 *
 *     npm run bench                           # everything; writes REPORT.md, report.json and report.svg
 *     npm run bench -- cost idle              # some parts; prints them and writes nothing
 *     npm run bench -- --add replicas         # some parts, in place of what the report has of them
 *     npm run bench -- cost --rows 50000 --runs 3 --only 'attributes protobuf gzip'
 *     npm run bench -- --short                # everything, small: fails only when something is wrong, not when it is slow
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chartOf } from './chart.ts';
import { measureCost } from './cost.ts';
import { measureJournal } from './journal.ts';
import { describeMachine } from './machine.ts';
import { progress } from './measure.ts';
import { measureMemory } from './memory.ts';
import { measureSpread, spreadMisses } from './many-sources.ts';
import { measurePage } from './page.ts';
import { measureReplicas } from './replicas.ts';
import { reportOf } from './report.ts';
import type { Figures, Part, Provenance, Results } from './results.ts';
import { measureStart, tooSlow } from './start.ts';
import { measureIdle, measureRush } from './streams.ts';
import { partTables } from './tables.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string' },
    runs: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    short: { type: 'boolean', default: false },
    add: { type: 'boolean', default: false },
  },
});

/** How much is measured. */
const FULL = {
  rows: 100_000,
  runs: 3,
  starts: 20,
  idle: { seconds: 30, everySeconds: 10, streams: 1_000 },
  memory: [100_000, 1_000_000],
  dueEverySeconds: 30,
  due: [
    { sources: 1, streamsEach: 5_000 },
    { sources: 50, streamsEach: 100 },
  ],
  pageBytes: 64 * 2 ** 20,
  backlog: 1_000_000,
  replicas: { consoles: 8, rowsEach: 25_000, runs: 3, replicas: [1, 2, 4] },
  spread: { sources: 2_000, replicas: 3, leaseSeconds: 15, everySeconds: 30 },
};
const SHORT: typeof FULL = {
  rows: 2_000,
  runs: 1,
  starts: 1,
  idle: { seconds: 2, everySeconds: 1, streams: 10 },
  memory: [1_000, 3_000],
  dueEverySeconds: 3,
  due: [
    { sources: 1, streamsEach: 20 },
    { sources: 4, streamsEach: 5 },
  ],
  pageBytes: 2 ** 20,
  backlog: 3_000,
  replicas: { consoles: 4, rowsEach: 500, runs: 1, replicas: [1, 4] },
  spread: { sources: 30, replicas: 3, leaseSeconds: 3, everySeconds: 2 },
};
const size = values.short ? SHORT : FULL;
const runs = Number(values.runs ?? size.runs);
const directory = await mkdtemp(join(tmpdir(), 'penstock-bench-'));

const MEASURE: { readonly [P in Part]: () => Promise<Figures[P]> } = {
  cost: async () => {
    const rows = Number(values.rows ?? size.rows);
    return { rows, runs, variants: await measureCost({ rows, runs, only: values.only, directory }) };
  },
  start: () => measureStart(size.starts),
  idle: async () => {
    const { streams, ...how } = size.idle;
    const one = await measureIdle({ sources: 1, streamsEach: 1 }, { directory, ...how });
    return [one, await measureIdle({ sources: 1, streamsEach: streams }, { directory, ...how })];
  },
  memory: () => measureMemory(size.memory, { directory, runs }),
  streams: async () => {
    const figures: Figures['streams'][number][] = [];
    for (const layout of size.due)
      figures.push(await measureRush(layout, { directory, everySeconds: size.dueEverySeconds, rounds: 1 }));
    return figures;
  },
  page: () => measurePage(size.pageBytes, directory),
  journal: () => measureJournal(Number(values.rows ?? size.backlog), directory),
  replicas: () =>
    measureReplicas({ ...size.replicas, ...(values.runs !== undefined && { runs }) }, directory),
  spread: () => measureSpread(size.spread, directory),
};

const ALL = Object.keys(MEASURE) as Part[];

async function main(): Promise<void> {
  const unknown = positionals.filter((part) => !ALL.includes(part as Part));
  if (unknown.length > 0)
    throw new Error(`There is no part ${unknown.join(', ')}. Parts: ${ALL.join(', ')}.`);
  const chosen = positionals.length === 0 ? ALL : (positionals as Part[]);
  const args = process.argv.slice(2);
  const command = ['npm run bench', ...(args.length > 0 ? ['--'] : []), ...args].join(' ');
  const machine = describeMachine(directory);
  const results = { command, machine, figures: {}, failed: {} };
  for (const part of chosen) {
    await measure(part, results);
    // After each part, so that a run that is stopped leaves what it has measured.
    if (values.add) await write(await withAdded(results));
    else if (positionals.length === 0) await write(results);
  }
  const { figures }: Results = results;
  process.stdout.write(`${partTables(figures)}\n`);
  const missed = values.short ? [] : missesOf(figures);
  for (const miss of missed) progress(miss);
  if (missed.length > 0) process.exitCode = 1;
}

/** What the parts that were asked for by name must reach, and did not; in words. */
function missesOf({ start = [], spread }: Partial<Figures>): string[] {
  return [
    ...(positionals.includes('start') ? tooSlow(start).map(({ name }) => `${name} starts too slowly`) : []),
    ...(positionals.includes('spread') && spread !== undefined ? spreadMisses(spread) : []),
  ];
}

/** Adds what a part measured, or why it failed: then the others are measured all the same. */
async function measure(part: Part, { figures, failed }: Pick<Results, 'figures' | 'failed'>): Promise<void> {
  try {
    Object.assign(figures, { [part]: await MEASURE[part]() });
  } catch (error) {
    failed[part] = String(error);
    progress(`${part} failed: ${String(error)}`);
    process.exitCode = 1;
  }
}

/** The report that is there, with the parts of this run in place of its own. */
async function withAdded({ command, machine, figures, failed }: Results): Promise<Results> {
  const before = JSON.parse(await readFile(join(import.meta.dirname, 'report.json'), 'utf8')) as Results;
  const run: Provenance = { command, date: machine.date, commit: machine.commit };
  const runs = Object.fromEntries(Object.keys(figures).map((part) => [part, run]));
  return {
    ...before,
    figures: { ...before.figures, ...figures },
    failed: { ...before.failed, ...failed },
    added: { ...before.added, ...runs },
  };
}

/** A short run writes its report, too, so that CI sees that it can be written, but not in place of the real one. */
async function write(results: Results): Promise<void> {
  const folder = values.short ? directory : import.meta.dirname;
  const gains = await readFile(join(import.meta.dirname, 'gains.md'), 'utf8');
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(join(folder, 'report.svg'), chartOf(results.figures.cost?.variants ?? []));
  await writeFile(join(folder, 'REPORT.md'), reportOf(results, gains));
}

// So that the processes that are measured end with this one (`endedWithUs`).
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

try {
  await main();
} finally {
  await rm(directory, { recursive: true, force: true });
}
