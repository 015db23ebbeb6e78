/** How far a stream of dated records was read. Epoch ms of the vendor's clock. */
export interface Reached {
  /** Every record before it was read, by the `Date` of the answers. */
  readonly next: number;
  /** From here on, the ledger holds every key: nothing before it is read again. */
  readonly known: number;
  /** The time of the newest record seen; of the first moment asked about, before there was one. */
  readonly newest: number;
  /** Nothing newer came for `overlap` of our time. */
  readonly quiet: boolean;
}

/**
 * Where a poll begins: `overlap` before the newest record seen, or at it when nothing newer came for a while, so that no
 * wrong `Date` can pass a record; at least `overlap` before `next`, and no more than a window of `slice` ms before
 * `settled`, up to which it reads.
 */
export function readingStart(
  { next, known, newest, quiet }: Reached,
  { overlap, slice, settled }: { readonly overlap: number; readonly slice: number; readonly settled: number },
): number {
  const seen = Math.max(quiet ? newest : newest - overlap, settled - slice);
  return Math.max(known, Math.min(seen, next - overlap));
}
