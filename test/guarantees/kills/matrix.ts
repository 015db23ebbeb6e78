import { type Cell, runCell } from './cell.ts';
import { JOURNALS, type TestJournal } from './journals.ts';
import { type KillPoint, PHASES, type Step, stepsOn } from './steps.ts';
import { SUBJECTS } from '../subjects/subjects.ts';
import type { Subject } from '../subjects/vendor.ts';

/** Cells that are worked on at once: for two cores, since each waits now and then. */
const AT_ONCE = 3;

interface MatrixOptions {
  readonly seed: number;
  /** Of the sources one after the other, each takes the next of so many steps; 1: every source takes all. */
  readonly share: number;
  /** Only sources whose names contain this. */
  readonly only?: string | undefined;
  readonly progress: (cell: Cell, done: number, total: number) => void;
}

/** A cell that is to be worked on. */
interface Place extends Pick<KillPoint, 'step' | 'phase'> {
  readonly journal: TestJournal;
  readonly subject: Subject;
}

/** Every source on every journal, before and after every step that it has. */
export function places({ share, only = '' }: Pick<MatrixOptions, 'share' | 'only'>): readonly Place[] {
  const subjects = SUBJECTS.filter(({ name }) => name.includes(only));
  return JOURNALS.flatMap((journal) =>
    subjects.flatMap((subject, row) =>
      stepsOn(journal.name)
        .filter((step, column) => mayOccur(subject, step) && (row + column) % share === 0)
        .flatMap((step) => PHASES.map((phase): Place => ({ journal, subject, step, phase }))),
    ),
  );
}

/** Kills every source before and after every step, on every journal that this machine has. */
export async function killMatrix({ seed, progress, ...which }: MatrixOptions): Promise<readonly Cell[]> {
  const all = places(which).filter(({ journal }) => journal.missing === undefined);
  const cells: Cell[] = [];
  let done = 0;
  const queue = all.entries();
  const work = async () => {
    for (const [index, { subject, journal, ...point }] of queue) {
      const cell = await runCell(subject, point, { seed: seed + index, journal });
      cells[index] = cell;
      done += 1;
      progress(cell, done, all.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return cells;
}

/** A source without a past to read has no backfill. Every other step occurs in every source, and a cell without a kill fails. */
function mayOccur({ past }: Subject, step: Step): boolean {
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
