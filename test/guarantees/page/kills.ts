import type { Cell } from '../kills/cell.ts';
import { problemsOf } from '../kills/matrix.ts';
import { seconds, stampOf, sum, table } from './table.ts';
import { randomProblems } from '../kills/random-kills.ts';
import type { Results } from '../results.ts';
import { type Step, STEP_NAMES, STEPS, stepsOn } from '../kills/steps.ts';

/** The kill matrix: what each step is, each source on each journal in one row, then each step of each. */
export function killChapter({ cells, ...stamp }: Results['kills']): string {
  const byTable = Map.groupBy(cells, ({ source, journal }) => `${source}, on ${journal}`);
  return `
## Killed at each step

Each source polls a simulated vendor into a receiver. The process kills itself exactly before or after a step, up to three times one after
the other; each time it is started again while new records come, and at the end it runs until nothing is missing. *Repeats* are records
that arrived again under their own id: those of a request whose acknowledgement was cut, and in the row *replay* those that were asked for. *Recovery* is the longest time from the last
start to the end of everything, start of the process included. On PostgreSQL the leases of a killed process are ended at once: others wait for
them in the kills at random below.

${stampOf(stamp)}

${table(
  [
    'source',
    'kills',
    'records',
    'lost',
    'sent as new',
    'repeats',
    'not identical',
    'not explained',
    'recovery',
  ],
  [...byTable].map(([name, own]) => [
    name,
    ...(['kills', 'records', 'lost', 'asNew', 'repeats', 'different', 'uncaused'] as const).map((figure) =>
      sum(own, (cell) => cell[figure]),
    ),
    longestRecovery(own),
  ]),
)}

The steps, in the order in which a record passes them:

${table(
  ['step', 'before', 'after'],
  STEP_NAMES.map((step) => [stepName(step), STEPS[step].before, STEPS[step].after]),
)}

## Each step of each source

A figure for before and one for after the step; one where they are the same.

${[...byTable].map(([name, own]) => `### ${name}\n\n${sourceTable(own)}`).join('\n\n')}`;
}

function stepName(step: Step): string {
  const { on } = STEPS[step];
  return on === undefined ? step : `${step} (${on})`;
}

function sourceTable(cells: readonly Cell[]): string {
  const rows = stepsOn(cells[0]?.journal ?? 'SQLite').map((step) => {
    const own = cells.filter((cell) => cell.step === step);
    if (own.length === 0)
      return [step, 'does not occur: it has no past to read', ...Array<string>(6).fill('')];
    const problems = own.flatMap(problemsOf);
    return [
      problems.length === 0 ? step : `${step} **(${problems.join('; ')})**`,
      ...(['kills', 'records', 'lost', 'asNew', 'repeats', 'different'] as const).map((figure) =>
        pair(own, (cell) => cell[figure]),
      ),
      longestRecovery(own),
    ];
  });
  return table(
    ['step', 'kills', 'records', 'lost', 'sent as new', 'repeats', 'not identical', 'recovery'],
    rows,
  );
}

function longestRecovery(cells: readonly Cell[]): string {
  return seconds(Math.max(...cells.map(({ recovery }) => recovery)));
}

/** A figure before and after the step; once where both are the same. */
function pair(cells: readonly Cell[], of: (cell: Cell) => number): string {
  return [...new Set(cells.map(of))].map((figure) => figure.toLocaleString('en')).join(' / ');
}

export function randomChapter({ lanes, ...stamp }: Results['random']): string {
  return `
## Killed and stopped at random

All sources at once in one process, daemon or \`once\`, killed at random moments while one acknowledgement in ten is lost. Then the daemon
stands still (SIGSTOP) for longer than every time-out and every lease, and goes on.

${stampOf(stamp)}

${table(
  [
    'seed',
    'state',
    'sources',
    'kills',
    'stops',
    'records',
    'lost',
    'sent as new',
    'repeats',
    'not identical',
    'time',
  ],
  lanes.map((lane) => [
    [lane.seed, ...randomProblems(lane).map((problem) => `**${problem}**`)].join(' '),
    lane.journal,
    ...(['sources', 'kills', 'stops', 'records', 'lost', 'asNew', 'repeats', 'different'] as const).map(
      (figure) => lane[figure],
    ),
    `${lane.seconds} s`,
  ]),
)}`;
}
