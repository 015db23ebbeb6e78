import { MODELS } from '../faults/faults.ts';
import { stampOf, table } from './table.ts';
import type { Results } from '../results.ts';
import {
  type FaultOutcome,
  FAULTS_TO_RUN,
  type FaultToRun,
  MODEL_RUNS,
  problemOf,
} from '../faults/run-faults.ts';

export function faultChapter(part: Results['faults'] | undefined): string {
  const outcomes = part?.outcomes ?? FAULTS_TO_RUN.filter(({ side }) => side !== MODELS);
  const sides = [...new Set(outcomes.map(({ side }) => side))];
  return `
## Faults

Each fault is a test: nothing is lost, nothing is sent as new, and the error says what happened.

${part === undefined ? NOT_RUN : stampOf(part)}

${sides.map((side) => faultTable(side, outcomes)).join('\n\n')}`;
}

export function modelChapter(part: Results['models'] | undefined): string {
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
    const [result, tests] = 'passed' in one ? [resultOf(one), one.passed] : ['', ''];
    return [one.fault, result, tests, `\`${one.file}\``];
  });
  return table(['fault', 'result', 'tests', 'in'], rows);
}

function resultOf(outcome: FaultOutcome): string {
  const skipped = outcome.skipped === 0 ? '' : `; ${outcome.skipped} tests skipped`;
  return `${problemOf(outcome) ?? 'held'}${skipped}`;
}

/** The tests are part of other suites too. */
const NOT_RUN = 'The last run left these tests to the suites that they belong to.';
