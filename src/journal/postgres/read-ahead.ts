import type { JournalPage, Position } from '../delivery.ts';

/** A page whose records are as `pack` made them, or as they were before. */
export interface StoredPage extends Omit<JournalPage, 'bytes'> {
  readonly records: Uint8Array;
}

/** How long a page that was read ahead may be used: its source may get another name. Milliseconds. */
const USED_FOR = 1_000;
/** What is kept for all destinations together. Bytes, compressed. */
const MOST_BYTES = 2 * 1024 * 1024;

interface Kept {
  readonly row: StoredPage;
  /** By the monotonic clock, milliseconds. */
  readonly until: number;
}

/** Pages that were read with one that was asked for, so that a backlog of small pages is not read one by one. */
export class ReadAhead {
  readonly #kept = new Map<number, Kept>();
  #bytes = 0;

  keep(rows: readonly StoredPage[]): void {
    const now = performance.now();
    for (const row of rows) {
      this.#drop(row.sequence);
      this.#kept.set(row.sequence, { row, until: now + USED_FOR });
      this.#bytes += sizeOf(row);
    }
    for (const [sequence, { until }] of this.#kept) {
      if (this.#bytes <= MOST_BYTES && until > now) break;
      this.#drop(sequence);
    }
  }

  /** The page with the record at a position. */
  at({ sequence, offset }: Position): StoredPage | undefined {
    const kept = this.#kept.get(sequence);
    return kept !== undefined && kept.until > performance.now() && offset < kept.row.count
      ? kept.row
      : undefined;
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }

  #drop(sequence: number): void {
    const kept = this.#kept.get(sequence);
    if (kept === undefined) return;
    this.#kept.delete(sequence);
    this.#bytes -= sizeOf(kept.row);
  }
}

function sizeOf({ records }: StoredPage): number {
  return records.length;
}
