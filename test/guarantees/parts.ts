import type { Cell } from './kills/cell.ts';
import { JOURNALS } from './kills/journals.ts';
import { killMatrix, problemsOf } from './kills/matrix.ts';
import { type Part, type RunOptions, sizeOf } from './options.ts';
import { killAtRandom, randomProblems } from './kills/random-kills.ts';
import type { Results, Stamp } from './results.ts';
import { type FaultOutcome, problemOf, runFaults, runModels } from './faults/run-faults.ts';

/** Where a part says how far it is, and what did not hold. */
export interface Report {
  readonly say: (line: string) => void;
  readonly problem: (words: string) => void;
}

type Found<P extends Part> = Omit<Results[P], keyof Stamp>;

/** Runs each part. */
export const RUN: {
  readonly [P in Part]: (options: RunOptions, report: Report) => Promise<Found<P>>;
} = {
  kills: runMatrix,
  random: runRandomKills,
  async models({ seed }, report) {
    return { outcomes: noted(await runModels(seed), report) };
  },
  async faults({ short }, report) {
    return { outcomes: noted(await runFaults({ short }), report) };
  },
};

async function runMatrix(options: RunOptions, { say, problem }: Report): Promise<Found<'kills'>> {
  const { seed, only } = options;
  const progress = (cell: Cell, done: number, total: number) => {
    const name = `${cell.source} on ${cell.journal}, ${cell.phase} ${cell.step}`;
    const found = problemsOf(cell);
    for (const words of found) problem(`${name}: ${words}`);
    say(
      `${done}/${total} ${name}, ${cell.kills} kills${found.map((words) => `; FAILED: ${words}`).join('')}`,
    );
  };
  return { cells: await killMatrix({ seed, only, share: sizeOf(options).share, progress }) };
}

async function runRandomKills(options: RunOptions, { say, problem }: Report): Promise<Found<'random'>> {
  const { lanes, kills, stops, longest } = sizeOf(options);
  const all = JOURNALS.filter(({ missing }) => missing === undefined).flatMap((journal) =>
    Array.from({ length: lanes }, () => journal),
  );
  say(`random kills, seeds ${options.seed} to ${options.seed + all.length - 1}`);
  const run = async (journal: (typeof all)[number], lane: number) => {
    const seed = options.seed + lane;
    const outcome = await killAtRandom({ journal, seed, kills: kills[journal.name], stops, longest });
    say(`random kills on ${journal.name}, seed ${seed}: ${outcome.kills} kills`);
    for (const words of randomProblems(outcome)) problem(`random kills, seed ${seed}: ${words}`);
    return outcome;
  };
  return { lanes: await Promise.all(all.map(run)) };
}

function noted(outcomes: readonly FaultOutcome[], { problem }: Report): readonly FaultOutcome[] {
  for (const outcome of outcomes) {
    const words = problemOf(outcome);
    if (words !== undefined) problem(`${outcome.fault}: ${words} (${outcome.file})`);
  }
  return outcomes;
}
