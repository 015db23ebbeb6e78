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
import { killMatrix, problemsOf } from './matrix.ts';
import { pageOf } from './page.ts';
import { killAtRandom } from './random-kills.ts';
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

/** How much is done. `share`: see `killMatrix`; `longest`: of all random kills together, milliseconds. */
const SIZE = values.short
  ? { share: 8, kills: 15, stops: 1, longest: 60_000 }
  : { share: 1, kills: 500, stops: 2, longest: 420_000 };

/** Random kills run in so many processes at once. */
const LANES = values.short ? 1 : 2;

const problems: string[] = [];

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
    const { kills, stops, longest } = SIZE;
    say(`random kills, seeds ${seed} to ${seed + LANES - 1}`);
    const lanes = await Promise.all(
      Array.from({ length: LANES }, (_, lane) => killAtRandom({ seed: seed + lane, kills, stops, longest })),
    );
    for (const { seed: own, kills: done, lost, asNew, different, trouble } of lanes) {
      const counts = { lost, 'sent as new': asNew, 'not identical': different };
      const wrong = Object.entries(counts).flatMap(([what, n]) => (n === 0 ? [] : [`${n} ${what}`]));
      problems.push(...[...wrong, ...trouble].map((problem) => `random kills, seed ${own}: ${problem}`));
      say(`random kills, seed ${own}: ${done} kills`);
    }
    return { lanes };
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
    date: `${new Date().toISOString().slice(0, 19)}Z`,
    seconds: Math.round((Date.now() - began) / 1_000),
    seed,
    versions: versions(),
  };
  say(`${part}: ${stamp.seconds} s`);
  found[part] = { ...stamp, ...outcome };
}
if (!values.short && values.only === undefined) {
  // Another part may have ended meanwhile.
  const results = { ...(await readResults()), ...found };
  await writeFile(RESULTS_FILE, `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(PAGE_FILE, pageOf(results as Partial<Results>));
}
for (const problem of problems) say(`FAILED ${problem}`);
say(problems.length === 0 ? 'Every guarantee held.' : `${problems.length} guarantees did not hold.`);
process.exitCode = problems.length === 0 ? 0 : 1;

function nameOf({ source, step, phase }: Results['kills']['cells'][number]): string {
  return `${source}, ${phase} ${step}`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
