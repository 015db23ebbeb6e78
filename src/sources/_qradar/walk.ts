import { UnexpectedAnswerError } from '../../errors.ts';
import type { Span } from '../../source.ts';
import { type Attempt, observe, type Observed, Ordinals } from './observe.ts';
import type { ConsoleRun } from './options.ts';
import { ATTEMPTS, Reading } from './reading.ts';

/** A part of a window, in the order of time. */
export interface Stretch {
  readonly attempts: readonly Attempt[];
  /** Where it begins. Epoch ms. */
  readonly from: number;
  /** Every row of the window before this time was read; more may follow at this very time. Epoch ms. */
  readonly to: number;
  /** The window ends here. */
  readonly end: boolean;
  /** The console's clock when it answered, epoch ms. */
  readonly date: number;
}

/** The rows do not come in the order asked for. */
export class UnsortedError extends Error {
  override readonly name = 'UnsortedError' as const;
}

/**
 * Reads a window in the order of time. The next part is asked for from the last time seen, so that nothing shifts
 * when rows are added or purged; the offset grows only within rows of one time that do not fit a page.
 *
 * What was not settled when the first answer came is left to a later window: `to` is then earlier than asked.
 *
 * @throws UnsortedError when the console takes no notice of `sort`.
 */
export async function* walkSorted(run: ConsoleRun, window: Span): AsyncGenerator<Stretch> {
  let end: number | undefined;
  let reading = new Reading(run, window, { sorted: true });
  let last = window.from;
  for (;;) {
    const part = await reading.next();
    if (part === undefined) continue;
    end ??= Math.min(window.to, part.date - run.options.settle);
    const { asked, ordinals } = reading;
    const observed = observe(part.rows, { asked, end, ordinals, after: last });
    if (!observed.ascending) throw new UnsortedError('The console does not sort by attempt_time.');
    requireFiltered(run, observed, part.rows.length);
    const ends = !part.more || observed.beyond;
    const to = ends ? end : observed.last;
    yield { attempts: observed.attempts, from: asked.from, to, end: ends, date: part.date };
    if (ends) return;
    last = observed.last;
    if (last > asked.from) reading = new Reading(run, { from: last, to: end }, { sorted: true });
  }
}

/** Reads a window whole, by offsets, and sorts it here: for consoles that do not. Holds one window in memory. */
export async function* walkUnsorted(run: ConsoleRun, window: Span): AsyncGenerator<Stretch> {
  const { rows, settled, date } = await readWhole(run, window);
  const end = Math.min(window.to, settled);
  const whole = observe(rows, { asked: window, end, ordinals: new Ordinals(), after: window.from });
  requireFiltered(run, whole, rows.length);
  const pages = chunks(
    whole.attempts.toSorted((a, b) => a.at - b.at),
    run.options.page_size,
  );
  let from = window.from;
  for (const [index, attempts] of pages.entries()) {
    const ends = index === pages.length - 1;
    const to = ends ? end : Math.min(attempts.at(-1)?.at ?? from, end);
    yield { attempts, from, to, end: ends, date };
    from = to;
  }
}

/** At least one, be it empty. */
function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.max(1, Math.ceil(all.length / size));
  return Array.from({ length: count }, (_, index) => all.slice(index * size, (index + 1) * size));
}

async function readWhole(
  run: ConsoleRun,
  window: Span,
): Promise<{ rows: unknown[]; settled: number; date: number }> {
  const reading = new Reading(run, window, { sorted: false });
  let rows: unknown[] = [];
  let first: number | undefined;
  for (;;) {
    const part = await reading.next();
    if (part === undefined) {
      rows = [];
      continue;
    }
    first ??= part.date;
    rows.push(...part.rows);
    if (!part.more) return { rows, settled: first - run.options.settle, date: part.date };
  }
}

/** A console that takes no notice of the filter would send its whole history, at every poll. */
function requireFiltered(run: ConsoleRun, { strays }: Observed, rows: number): void {
  if (strays * 2 <= rows || rows < run.options.page_size) return;
  throw new UnexpectedAnswerError(
    `${ATTEMPTS.path} answers rows outside the time that was asked for: it takes no notice of the filter. Does a proxy remove the query?`,
    run.options.base_url + ATTEMPTS.path,
    200,
  );
}
