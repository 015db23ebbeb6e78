import { type Cell, runCell } from './cell.ts';
import { type KillPoint, PHASES, type Step, STEP_NAMES } from './steps.ts';
import { SUBJECTS } from './subjects.ts';
import type { Subject } from './vendor.ts';

/** Cells of the matrix that are worked on at once: the machine of a CI has two cores. */
const AT_ONCE = 2;

interface MatrixOptions {
  readonly seed: number;
  /** Of the sources one after the other, each takes the next of so many steps; 1: every source takes all. */
  readonly share: number;
  /** Only sources whose names contain this. */
  readonly only?: string | undefined;
  readonly progress: (cell: Cell, done: number, total: number) => void;
}

interface Place extends Pick<KillPoint, 'step' | 'phase'> {
  readonly subject: Subject;
}

/** Kills every source before and after every step. */
export async function killMatrix({
  seed,
  share,
  only = '',
  progress,
}: MatrixOptions): Promise<readonly Cell[]> {
  const places = SUBJECTS.filter(({ name }) => name.includes(only)).flatMap((subject, row) =>
    STEP_NAMES.filter((step, column) => mayOccur(subject, step) && (row + column) % share === 0).flatMap(
      (step) => PHASES.map((phase): Place => ({ subject, step, phase })),
    ),
  );
  const cells: Cell[] = [];
  const queue = places.entries();
  const work = async () => {
    for (const [index, { subject, ...point }] of queue) {
      const cell = await runCell(subject, point, { seed: seed + index });
      cells[index] = cell;
      progress(cell, cells.filter((one) => one !== undefined).length, places.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return cells;
}

/** A source without a past to read has no backfill. Every other step occurs in every source, and a cell without a kill fails. */
export function mayOccur({ past }: Subject, step: Step): boolean {
  return step !== 'backfill page' || past !== undefined;
}

/** What is wrong with a cell, in words; empty when the guarantee holds. */
export function problemsOf(cell: Cell): readonly string[] {
  const { kills, lost, asNew, different, uncaused, trouble } = cell;
  const counts = {
    'lost records': lost,
    'records sent as new': asNew,
    'repeats that differ': different,
    'repeats that no cut acknowledgement explains': uncaused,
  };
  return [
    ...(kills === 0 ? ['the process never came to this step'] : []),
    ...Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`])),
    ...trouble,
  ];
}
