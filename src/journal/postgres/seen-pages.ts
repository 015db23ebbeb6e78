import type { Position } from '../delivery.ts';
import type { Transaction } from './database.ts';

/** What tells a page from another one that has its number after the database went back. */
export interface SeenPage {
  readonly sequence: number;
  readonly committedAt: number;
  readonly size: number;
}

/** More than the batches of all destinations are made of. */
const REMEMBERED = 20_000;

/** $1 the page with the last settled record, $2 and $3 what it was when it was read. A row: it is gone, or another. */
const FIND_DIFFERENCE = `
  SELECT sequence FROM penstock.head WHERE sequence < $1
  UNION ALL
  SELECT sequence FROM penstock.page WHERE sequence = $1 AND (committed_at, bytes) <> ($2::bigint, $3::bigint)`;

/**
 * Remembers the pages that this process has read. A destination's lease proves that nothing of the destination was lost; it
 * says nothing of pages that others have committed. When the database goes back behind one that was sent already, another
 * page may get its number, and an acknowledgement of the first would pass over the second.
 */
export class SeenPages {
  readonly #pages = new Map<number, SeenPage>();

  add(page: SeenPage): void {
    const { sequence, committedAt, size } = page;
    this.#pages.set(sequence, { sequence, committedAt, size });
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= REMEMBERED) break;
      this.#pages.delete(oldest);
    }
  }

  clear(): void {
    this.#pages.clear();
  }

  /** Whether the database still has the page with the last record before a position, as it was read. */
  async isThere(transaction: Transaction, { sequence, offset }: Position): Promise<boolean> {
    const last = offset > 0 ? sequence : sequence - 1;
    const seen = this.#pages.get(last);
    const parameters = [last, seen?.committedAt, seen?.size];
    return (await transaction.query(FIND_DIFFERENCE, parameters)).length === 0;
  }
}
