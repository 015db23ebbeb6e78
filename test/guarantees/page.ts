import type { Cell } from './cell.ts';
import { problemsOf } from './matrix.ts';
import { CLAIMS, LIMITS } from './page-text.ts';
import type { Results, Stamp } from './results.ts';
import { MODELS } from './faults.ts';
import { type FaultOutcome, FAULTS_TO_RUN, type FaultToRun, MODEL_RUNS, problemOf } from './run-faults.ts';
import { STEP_NAMES, STEPS } from './steps.ts';

/** The page of the guarantees, of what the last run found. */
export function pageOf(results: Partial<Results>): string {
  const { kills, random, models, faults } = results;
  return [
    '# Guarantees',
    '<!-- Written by `npm run test:guarantees`. Do not edit: change test/guarantees, and run it. -->',
    INTRODUCTION,
    summary(results),
    CLAIMS,
    kills && killChapter(kills),
    random && randomChapter(random),
    faultChapter(faults),
    modelChapter(models),
    LIMITS,
  ]
    .flatMap((part) => (part === undefined ? [] : `${part.trim()}\n`))
    .join('\n');
}

const INTRODUCTION = `
Each guarantee with what keeps it and the test that shows it, then what the last run of the suite found. \`npm run test:guarantees\`
kills real processes and breaks what is around them, compares what the receiver has with what the vendors have, and writes this page and
\`test/guarantees/results.json\`. Anyone can run it: no key and no network are needed, and it takes about half an hour on two cores. The
other commands: \`npm run test:process\` builds Penstock first and runs the executable as real processes; \`npm test\` runs in the test's
own process. A name behind \`--\` selects the test files whose path contains it.
`;

function summary({ kills, random, models, faults }: Partial<Results>): string {
  const all = [...(kills?.cells ?? []), ...(random?.lanes ?? [])];
  const total = (of: (one: (typeof all)[number]) => number) =>
    show(all.reduce((sum, one) => sum + of(one), 0));
  const outcomes = [...(faults?.outcomes ?? []), ...(models?.outcomes ?? [])];
  const held = outcomes.filter((one) => problemOf(one) === undefined);
  const figures = [
    total(({ kills: count }) => count),
    total(({ lost }) => lost),
    total(({ asNew }) => asNew),
    total(({ repeats }) => repeats),
    total(({ different }) => different),
    total(({ uncaused }) => uncaused),
  ];
  return `
## What the last run found

| kills with SIGKILL | lost | sent as new | repeats | not byte-identical | not explained by a cut acknowledgement |
| --- | --- | --- | --- | --- | --- |
| ${figures.join(' | ')} |

${outcomes.length === 0 ? '' : `${held.length} of ${outcomes.length} faults and models did what is guaranteed.`}`;
}

function killChapter({ cells, ...stamp }: Results['kills']): string {
  const tables = Map.groupBy(cells, ({ source, journal }) => `${source}, on ${journal}`);
  return `
## Killed at each step

Each source polls a simulated vendor into a receiver. The process kills itself exactly before or after a step, up to three times one after
the other; each time it is started again while new records come, and at the end it runs until nothing is missing. *Repeats* are records
that arrived again under their own id, all of them in a request whose acknowledgement was cut. *Recovery* is the longest time from the last
start to the end of everything, start of the process included.

${stampOf(stamp)}

| step | before | after |
| --- | --- | --- |
${STEP_NAMES.map((step) => `| ${step} | ${STEPS[step].before} | ${STEPS[step].after} |`).join('\n')}

${[...tables].map(([name, own]) => sourceTable(name, own)).join('\n\n')}`;
}

const HEAD = `| step | kills | records | lost | sent as new | repeats | not identical | recovery |
| --- | --- | --- | --- | --- | --- | --- | --- |`;

function sourceTable(name: string, cells: readonly Cell[]): string {
  const rows = STEP_NAMES.map((step) => {
    const own = cells.filter((cell) => cell.step === step);
    if (own.length === 0) return `| ${step} | does not occur: it has no past to read | | | | | | |`;
    const figures = [
      pair(own, ({ kills }) => kills),
      pair(own, ({ records }) => records),
      ...(['lost', 'asNew', 'repeats', 'different'] as const).map((name) => pair(own, (cell) => cell[name])),
      `${(Math.max(...own.map(({ recovery }) => recovery)) / 1_000).toFixed(1)} s`,
    ];
    const problems = own.flatMap(problemsOf);
    const shown = problems.length === 0 ? step : `${step} **(${problems.join('; ')})**`;
    return `| ${shown} | ${figures.join(' | ')} |`;
  });
  return `### ${name}\n\nBefore / after the step.\n\n${HEAD}\n${rows.join('\n')}`;
}

/** A figure before and after the step; once where both are the same. */
function pair(cells: readonly Cell[], of: (cell: Cell) => number): string {
  return [...new Set(cells.map(of))].map(show).join(' / ');
}

function randomChapter({ lanes, ...stamp }: Results['random']): string {
  const rows = lanes.map(
    ({ seed, sources, kills, stops, records, lost, asNew, repeats, different, seconds }) =>
      `| ${[seed, sources, kills, stops, records, lost, asNew, repeats, different, `${seconds} s`].map((one) => (typeof one === 'number' ? show(one) : one)).join(' | ')} |`,
  );
  return `
## Killed and stopped at random

All sources at once in one process, daemon or \`once\`, killed at random moments while one acknowledgement in ten is lost. Then the daemon
stands still (SIGSTOP) for longer than every time-out, and goes on.

${stampOf(stamp)}

| seed | sources | kills | stops | records | lost | sent as new | repeats | not identical | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`;
}

function faultChapter(part: Results['faults'] | undefined): string {
  const outcomes = part?.outcomes ?? FAULTS_TO_RUN.filter(({ side }) => side !== MODELS);
  const sides = [...new Set(outcomes.map(({ side }) => side))];
  return `
## Faults

Each fault is a test: nothing is lost, nothing is sent as new, and the error says what happened.

${part === undefined ? NOT_RUN : stampOf(part)}

${sides.map((side) => faultTable(side, outcomes)).join('\n\n')}`;
}

function modelChapter(part: Results['models'] | undefined): string {
  const outcomes = part?.outcomes ?? FAULTS_TO_RUN.filter(({ side }) => side === MODELS);
  return `
## Models of vendors

Properties draw histories of a vendor (late records, ties, updates, deletes, failures, clocks, kills) against the real source, and
compare the sets: ${MODEL_RUNS} histories for each test. \`npm run test:soak\` draws 10,000.

${part === undefined ? NOT_RUN : stampOf(part)}

${tableOf(outcomes)}`;
}

function faultTable(side: string, outcomes: readonly (FaultToRun | FaultOutcome)[]): string {
  const title = side.replace(/^./, (first) => first.toUpperCase());
  return `### ${title}\n\n${tableOf(outcomes.filter((outcome) => outcome.side === side))}`;
}

function tableOf(outcomes: readonly (FaultToRun | FaultOutcome)[]): string {
  const rows = outcomes.map((one) => {
    const [result, tests] = 'passed' in one ? [problemOf(one) ?? 'held', one.passed] : ['', ''];
    return `| ${one.fault} | ${result} | ${tests} | \`${one.file}\` |`;
  });
  return `| fault | result | tests | in |\n| --- | --- | --- | --- |\n${rows.join('\n')}`;
}

/** The tests are part of other suites too. */
const NOT_RUN = 'The last run left these tests to the suites that they belong to.';

function stampOf({ command, date, seconds, seed, versions }: Stamp): string {
  const parts = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Last run: \`${command}\`, ${date}, seed ${seed}, ${Math.round(seconds / 60)} minutes. ${parts.join(', ')}.`;
}

function show(count: number): string {
  return count.toLocaleString('en');
}
