/**
 * Shows that the guarantees hold, and writes what it found.
 *
 *     npm run test:guarantees                      # everything; writes results.json and docs/guarantees.md
 *     npm run test:guarantees -- kills faults      # some parts; writes these
 *     npm run test:guarantees -- page              # draws the page of the results anew
 *     npm run test:guarantees -- --short           # everything, small; writes nothing
 *     npm run test:guarantees -- kills --only petra --seed 7    # the sources with such names; writes nothing
 */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { JOURNALS } from './journals.ts';
import { killMatrix, problemsOf } from './matrix.ts';
import { pageOf } from './page.ts';
import { killAtRandom, randomProblems } from './random-kills.ts';
import { PAGE_FILE, readResults, type Results, RESULTS_FILE, type Stamp, versions } from './results.ts';
import { type FaultOutcome, problemOf, runFaults, runModels } from './run-faults.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const seed = Number(values.seed);

type Part = keyof Results;

/** How much is done. `share`: see `killMatrix`; `kills`: in each lane; `longest`: of all random kills, milliseconds. */
const SIZE = values.short
  ? { share: 8, lanes: 1, kills: { SQLite: 15, PostgreSQL: 5 }, stops: 1, longest: 60_000 }
  : { share: 1, lanes: 2, kills: { SQLite: 430, PostgreSQL: 70 }, stops: 2, longest: 420_000 };

/** All parts of a run have one date. */
const started = `${new Date().toISOString().slice(0, 19)}Z`;

const problems: string[] = [];

const journals = JOURNALS.filter(({ missing }) => missing === undefined);
for (const { name, missing } of JOURNALS)
  if (missing !== undefined) say(`Nothing is shown on ${name}, and no page is written: ${missing}`);

const RUN: { readonly [P in Part]: () => Promise<Omit<Results[P], keyof Stamp>> } = {
  async kills() {
    const { share } = SIZE;
    const cells = await killMatrix({
      seed,
      share,
      only: values.only,
      progress: (cell, done, total) => {
        const found = problemsOf(cell).map((problem) => `${nameOf(cell)}: ${problem}`);
        problems.push(...found);
        say(`${done}/${total} ${nameOf(cell)}, ${cell.kills} kills${found.length > 0 ? ' FAILED' : ''}`);
      },
    });
    return { cells };
  },
  async random() {
    const { lanes, kills, ...others } = SIZE;
    const all = journals.flatMap((journal) => Array.from({ length: lanes }, () => journal));
    say(`random kills, seeds ${seed} to ${seed + all.length - 1}`);
    const outcomes = all.map(async (journal, lane) => {
      const outcome = await killAtRandom({
        journal,
        seed: seed + lane,
        kills: kills[journal.name],
        ...others,
      });
      say(`random kills on ${journal.name}, seed ${outcome.seed}: ${outcome.kills} kills`);
      return outcome;
    });
    const done = await Promise.all(outcomes);
    for (const one of done)
      problems.push(...randomProblems(one).map((problem) => `random kills, seed ${one.seed}: ${problem}`));
    return { lanes: done };
  },
  async models() {
    return { outcomes: noted(await runModels(seed)) };
  },
  async faults() {
    return { outcomes: noted(await runFaults({ short: values.short })) };
  },
};

function noted(outcomes: readonly FaultOutcome[]): readonly FaultOutcome[] {
  for (const outcome of outcomes) {
    const problem = problemOf(outcome);
    if (problem !== undefined) problems.push(`${outcome.fault}: ${problem} (${outcome.file})`);
  }
  return outcomes;
}

const parts = (Object.keys(RUN) as readonly Part[]).filter(
  (part) => positionals.length === 0 || positionals.includes(part),
);
const found: Partial<Record<Part, unknown>> = {};
for (const part of parts) {
  const began = Date.now();
  const outcome = await RUN[part]();
  const stamp: Stamp = {
    command: [
      'npm run test:guarantees',
      ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : []),
    ].join(' '),
    date: started,
    seconds: Math.round((Date.now() - began) / 1_000),
    seed,
    versions: versions(),
  };
  say(`${part}: ${stamp.seconds} s`);
  found[part] = { ...stamp, ...outcome };
}
if (!values.short && values.only === undefined && journals.length === JOURNALS.length) {
  // Another part may have ended meanwhile.
  const results = { ...(await readResults()), ...found };
  await writeFile(RESULTS_FILE, `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(PAGE_FILE, pageOf(results as Partial<Results>));
}
for (const problem of problems) say(`FAILED ${problem}`);
say(problems.length === 0 ? 'Every guarantee held.' : `${problems.length} guarantees did not hold.`);
// The servers that it started end with it.
process.exit(problems.length === 0 ? 0 : 1);

function nameOf({ journal, source, step, phase }: Results['kills']['cells'][number]): string {
  return `${source} on ${journal}, ${phase} ${step}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
