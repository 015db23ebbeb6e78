import { z } from 'zod';

/**
 * How far a console was read. Times are epoch milliseconds of the console's clock. A poll begins `overlap` before
 * `next`, but not below `known`.
 */
export const Cursor = z.object({
  /** Every row before it was read. */
  next: z.int(),
  /** From here on, the ledger holds the key of every row that was told: re-reading tells none twice. */
  known: z.int(),
  /** Milliseconds asked for at once, while the console is too slow for the configured `slice`. */
  slice: z.int().positive().optional(),
  /** The console does not sort: windows are read whole and sorted here. */
  unsorted: z.literal(true).optional(),
  /** The first two users seen, to notice a credential that is shown its own rows only. */
  users: z.array(z.string()).max(2).optional(),
  /** When the last complete poll began: how long ago its answers are, should the console's clock go back. */
  polled: z.int().optional(),
});

export type Cursor = z.output<typeof Cursor>;
