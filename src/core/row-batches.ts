import type { Extent } from './json.ts';
import { isReadable } from './read-record.ts';

/** Consecutive rows that are processed together. */
export interface RowBatch {
  readonly size: number;
  readonly bytes: number;
  /**
   * Parses the rows, again at every call, so that no memory is kept for them. A row that is too large or too deep is an
   * `Unreadable`. A row longer than `PAGE.bytes` is a batch by itself.
   */
  rows(): readonly unknown[];
  /** The same, but without the parse options and without turning inner lists into `Rows`. */
  asWritten(): readonly unknown[];
  /** The place of each row, for `Rows.at`. */
  places(): readonly number[];
}

/** The limits of a batch: rows, their bytes, and the values in them. A batch has at least one row. */
export const PAGE = { rows: 1_000, bytes: 1_048_576, values: 100_000 } as const;

/** Where a batch's rows are. */
export interface BatchPlace extends Omit<Extent, 'depth'> {
  readonly size: number;
  /** Every one of them can be parsed. */
  readonly plain: boolean;
}

/** Cuts rows into batches. */
export class Filling {
  readonly #batches: RowBatch[] = [];
  readonly #make: (place: BatchPlace) => RowBatch;
  #open: BatchPlace | undefined;

  constructor(make: (place: BatchPlace) => RowBatch) {
    this.#make = make;
  }

  add(row: Extent): void {
    const open = this.#open;
    const values = (open?.values ?? 0) + row.values;
    const from = open?.from ?? row.from;
    const full =
      open !== undefined && (open.size === PAGE.rows || row.to - from > PAGE.bytes || values > PAGE.values);
    if (full) this.end();
    const plain = isReadable(row);
    this.#open =
      full || open === undefined
        ? { ...row, size: 1, plain }
        : {
            from,
            to: row.to,
            size: open.size + 1,
            plain: open.plain && plain,
            values,
            longNumbers: open.longNumbers || row.longNumbers,
          };
  }

  /** Adds a batch that is one already. */
  push(batch: RowBatch): void {
    this.end();
    this.#batches.push(batch);
  }

  end(): readonly RowBatch[] {
    if (this.#open !== undefined) this.#batches.push(this.#make(this.#open));
    this.#open = undefined;
    return this.#batches;
  }
}
