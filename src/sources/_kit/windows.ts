/** No window is made shorter than this when the vendor cannot answer a longer one. Milliseconds. */
export const SHORTEST_SLICE = 1_000;

/** A poll goes on when it is further behind than this at the end of a window, even if `settle` is shorter. Milliseconds. */
export const SHORTEST_LAG = 10_000;

/** For `Observation.at`: later than anything that is ever forgotten, for a record that every answer may show again. */
export const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * How long the ledger keeps a record without a time: no window excludes it, so each may show it, for years. Not for ever,
 * or a vendor that changes its format would fill the ledger. Milliseconds.
 */
export const YEAR = 365 * 86_400_000;

/** The next slice after a window of this length could not be answered; undefined when it already was the shortest. */
export function halved(length: number, shortest = SHORTEST_SLICE): number | undefined {
  return length <= shortest ? undefined : Math.max(shortest, Math.floor(length / 2));
}

/** The next slice after one that was shortened was read; undefined when it is the configured one again. */
export function doubled(slice: number, configured: number): number | undefined {
  return slice * 2 < configured ? slice * 2 : undefined;
}

/** How far a stream of dated records was read. Epoch ms of the vendor's clock. */
export interface Reached {
  /** Every record before this was read, by the `Date` of the answers. */
  readonly next: number;
  /** The ledger holds every key from here on: nothing before this is read again. */
  readonly known: number;
  /** The time of the newest record seen; of the first moment asked about, before there was one. */
  readonly newest: number;
  /** Nothing newer came for `overlap` of our time. */
  readonly quiet: boolean;
}

/**
 * Where a poll begins to read. A wrong `Date` cannot make it skip a record, because it begins `overlap` before the newest
 * record seen (at that record when nothing newer came for a while). It begins at least `overlap` before `next`, and at
 * most a window of `slice` ms before `settled`, the time up to which it reads.
 */
export function readingStart(
  { next, known, newest, quiet }: Reached,
  { overlap, slice, settled }: { readonly overlap: number; readonly slice: number; readonly settled: number },
): number {
  const seen = Math.max(quiet ? newest : newest - overlap, settled - slice);
  return Math.max(known, Math.min(seen, next - overlap));
}
