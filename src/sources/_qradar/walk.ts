import { setImmediate as turn } from 'node:timers/promises';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import type { Rows } from '../../core/rows.ts';
import type { Span } from '../../core/source.ts';
import {
  type Asked,
  type Attempt,
  ATTEMPTS,
  type Conformity,
  conformityOf,
  observe,
  Ordinals,
  Reading,
} from './attempts.ts';
import { timeOf } from './normalise.ts';
import type { ConsoleContext } from './schemas.ts';

/** A part of a window, in the order of time. */
export interface Stretch {
  readonly attempts: readonly Attempt[];
  /** Where it begins. Epoch ms. */
  readonly from: number;
  /** Every row of the window before this time was read; more may follow at this very time. Epoch ms. */
  readonly to: number;
  /** The window ends here. */
  readonly end: boolean;
  /** The time of the newest row in it; -Infinity when there is none. Epoch ms. */
  readonly newest: number;
  /** The console's clock when it answered, epoch ms. */
  readonly date: number;
  /** Our clock when it answered, epoch ms; undefined where that is not known. */
  readonly at: number | undefined;
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
export async function* walkSorted(context: ConsoleContext, window: Span): AsyncGenerator<Stretch> {
  let end = window.to;
  let reading = new Reading(context, window, { sorted: true });
  let last = window.from;
  for (;;) {
    const part = await reading.next();
    if (part === undefined) continue;
    // What was not settled when the part was answered is not in it for sure, whatever an earlier one covered.
    end = Math.min(end, part.date - context.options.settle);
    const how = { asked: reading.asked, end, ordinals: reading.ordinals };
    const whole = await survey(part.rows, { ...how, after: last });
    if (!whole.ascending) throw new UnsortedError('The console does not sort by attempt_time.');
    requireFiltered(context, whole, part.rows.length);
    const ends = !part.more || whole.beyond;
    let left = part.rows.batches.length;
    for (const rows of pagesOf(part.rows)) {
      const { attempts, last: to } = observe(rows, { ...how, after: last });
      left -= 1;
      const isLast = ends && left <= 0;
      const { date, at } = part;
      const newest = newestOf(attempts, end);
      yield { attempts, from: last, to: isLast ? Math.max(last, end) : to, end: isLast, newest, date, at };
      last = to;
    }
    if (ends) return;
    if (last > reading.asked.from) reading = new Reading(context, { from: last, to: end }, { sorted: true });
  }
}

/** At least one, be it empty. */
function* pagesOf({ batches }: Rows): Generator<readonly unknown[]> {
  if (batches.length === 0) yield [];
  for (const batch of batches) yield batch.rows();
}

/** What all of an answer holds, before any of it is told. */
async function survey(rows: Rows, { after, ...how }: Omit<Asked, 'ordinals'>): Promise<Conformity> {
  let whole = { last: after, beyond: false, ascending: true, strays: 0 };
  for (const batch of rows.batches) {
    const { last, beyond, ascending, strays } = conformityOf(batch.rows(), { ...how, after: whole.last });
    whole = {
      last,
      beyond: whole.beyond || beyond,
      ascending: whole.ascending && ascending,
      strays: whole.strays + strays,
    };
    await turn();
  }
  return whole;
}

/** Most rows that are observed at once, whatever `page_size` is. */
const PAGE = 1_000;

/**
 * Reads a window whole, by offsets, and sorts it here: for consoles that do not. Holds the text of one window in memory,
 * and the rows of one page.
 */
export async function* walkUnsorted(context: ConsoleContext, window: Span): AsyncGenerator<Stretch> {
  const { found, settled, date, at } = await readWhole(context, window);
  const end = Math.max(window.from, Math.min(window.to, settled));
  const strays = found.filter(({ time }) => time < window.from).length;
  requireFiltered(context, { strays }, found.length);
  // Those without a place in the window come last.
  const rank = ({ time }: Found) => (time < window.from ? Infinity : time);
  const sorted = found.toSorted((one, other) => compare(rank(one), rank(other)));
  const ordinals = new Ordinals();
  const size = Math.min(context.options.page_size, PAGE);
  let from = window.from;
  for (let first = 0; first === 0 || first < sorted.length; first += size) {
    const rows = sorted.slice(first, first + size).map(({ rows, place }) => rows.at(place));
    const { attempts, last } = observe(rows, { asked: window, end, ordinals, after: from });
    const ends = first + size >= sorted.length;
    const to = ends ? end : last;
    yield { attempts, from, to, end: ends, newest: newestOf(attempts, end), date, at };
    from = to;
  }
}

/** Rows without a time, and those that nobody asked for, are remembered for longer than they are old. */
function newestOf(attempts: readonly Attempt[], end: number): number {
  return attempts.reduce((newest, { at }) => (at < end ? Math.max(newest, at) : newest), -Infinity);
}

function compare(one: number, other: number): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Where a row of a window stands, and its time; Infinity for one that has none. */
interface Found {
  readonly rows: Rows;
  readonly place: number;
  readonly time: number;
}

async function readWhole(
  context: ConsoleContext,
  window: Span,
): Promise<{ found: readonly Found[]; settled: number; date: number; at: number | undefined }> {
  const reading = new Reading(context, window, { sorted: false });
  let found: Found[] = [];
  let settled = Infinity;
  for (;;) {
    const part = await reading.next();
    if (part === undefined) {
      found = [];
      settled = Infinity;
      continue;
    }
    settled = Math.min(settled, part.date - context.options.settle);
    for await (const one of locate(part.rows)) found.push(one);
    if (!part.more) return { found, settled, date: part.date, at: part.at };
  }
}

async function* locate(rows: Rows): AsyncGenerator<Found> {
  for (const batch of rows.batches) {
    const places = batch.places();
    for (const [index, row] of batch.rows().entries()) {
      yield { rows, place: places[index] ?? 0, time: timeOf(row) ?? Infinity };
    }
    await turn();
  }
}

/** A console that takes no notice of the filter would send its whole history, at every poll. */
function requireFiltered(
  context: ConsoleContext,
  { strays }: Pick<Conformity, 'strays'>,
  rows: number,
): void {
  if (strays * 2 <= rows || rows < context.options.page_size) return;
  throw new UnexpectedAnswerError(
    `${ATTEMPTS.path} answers rows outside the time that was asked for: it takes no notice of the filter. Does a proxy remove the query?`,
    context.options.base_url + ATTEMPTS.path,
    200,
  );
}
