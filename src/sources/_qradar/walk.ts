import { setImmediate as turn } from 'node:timers/promises';
import { UnexpectedAnswerError } from '../../core/errors.ts';
import { Rows } from '../../core/rows.ts';
import type { Span } from '../../core/source.ts';
import { Ordinals } from '../_kit/keys.ts';
import {
  type Asked,
  type Attempt,
  ATTEMPTS,
  type Conformity,
  conformityOf,
  observe,
  Reading,
} from './attempts.ts';
import { timeOf } from './normalise.ts';
import type { Context } from './schemas.ts';

/** A part of a window, in order of time. */
export interface Stretch {
  readonly attempts: readonly Attempt[];
  /** Epoch ms. */
  readonly from: number;
  /** Every row of the window before this time was read; more may follow at exactly this time. Epoch ms. */
  readonly to: number;
  /** It is the last part of the window. */
  readonly end: boolean;
  /** The time of the newest row in it; -Infinity when there is none. Epoch ms. */
  readonly newest: number;
  /** The console's clock when it answered, epoch ms. */
  readonly date: number;
  /** Our clock when it answered, epoch ms; undefined when that is unknown. */
  readonly at: number | undefined;
}

/** The rows are not in the order that was asked for. */
export class UnsortedError extends Error {
  override readonly name = 'UnsortedError' as const;
}

/**
 * Reads a window in order of time. Each request begins at the last time seen, so that nothing shifts when rows are added
 * or purged; the offset grows only within rows of one time that do not fit a page.
 *
 * Rows that were not settled when the first answer came are left to a later window: `to` is then earlier than asked.
 *
 * @throws UnsortedError when the console ignores `sort`.
 */
export async function* walkSorted(context: Context, window: Span): AsyncGenerator<Stretch> {
  let end = window.to;
  let reading = new Reading(context, window, { sorted: true });
  let last = window.from;
  for (;;) {
    const part = await reading.next();
    if (part === undefined) continue;
    // A part may lack rows that were not settled when it was answered, whatever an earlier part covered.
    end = Math.min(end, part.date - context.options.settle);
    const how = { asked: reading.asked, end, ordinals: reading.ordinals };
    // One page is parsed once. The pages of a longer answer are parsed again, so that one at a time is in memory.
    const answered = part.rows.batches.length > 1 ? part.rows : Rows.of(...part.rows);
    const whole = await survey(answered, { ...how, after: last });
    if (!whole.ascending) throw new UnsortedError('The console does not sort by attempt_time.');
    requireFiltered(context, whole, answered.length);
    const ends = !part.more || whole.beyond;
    let left = answered.batches.length;
    for (const rows of pagesOf(answered)) {
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

/** At least one page, which may be empty. */
function* pagesOf({ batches }: Rows): Generator<readonly unknown[]> {
  if (batches.length === 0) yield [];
  for (const batch of batches) yield batch.rows();
}

/** Checks all of an answer before any of it is emitted. */
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

/** The most rows that are observed at once, whatever `page_size` is. */
const PAGE = 1_000;

/**
 * Reads a window whole, by offsets, and sorts it here, for consoles that do not sort. It holds the text of one window and
 * the rows of one page in memory.
 */
export async function* walkUnsorted(context: Context, window: Span): AsyncGenerator<Stretch> {
  const { found, settled, date, at } = await readWhole(context, window);
  const end = Math.max(window.from, Math.min(window.to, settled));
  const strays = found.filter(({ time }) => time < window.from).length;
  requireFiltered(context, { strays }, found.length);
  // Rows from before the window come last.
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

/** Rows without a time and rows from outside the window do not count: their `at` is later than the window. */
function newestOf(attempts: readonly Attempt[], end: number): number {
  return attempts.reduce((newest, { at }) => (at < end ? Math.max(newest, at) : newest), -Infinity);
}

function compare(one: number, other: number): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** Where a row of a window is, and its time; Infinity when it has none. */
interface Found {
  readonly rows: Rows;
  readonly place: number;
  readonly time: number;
}

async function readWhole(
  context: Context,
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

/** A console that ignores the filter would send its whole history at every poll. */
function requireFiltered(context: Context, { strays }: Pick<Conformity, 'strays'>, rows: number): void {
  if (strays * 2 <= rows || rows < context.options.page_size) return;
  throw new UnexpectedAnswerError(
    `${ATTEMPTS.path} answers rows outside the time that was asked for: the filter is ignored. Check whether a proxy removes the query.`,
    context.options.base_url + ATTEMPTS.path,
    200,
  );
}
