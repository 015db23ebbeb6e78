import { z } from 'zod';
import { ahead } from '../_kit/kept-clock.ts';

/** How far a console was read. Times are epoch milliseconds of the console's clock. `readingStart` says where a poll begins. */
export const Cursor = z.object({
  /** Every row before it was read. */
  next: z.int(),
  /** From here on, the ledger holds the key of every row that was told: re-reading tells none twice. */
  known: z.int(),
  /** The time of the newest row seen; at first, where reading began. */
  newest: z.int().optional(),
  /** When that row came, by our clock. */
  newestAt: z.int().optional(),
  /** The newest row from before the console's clock was set back: until one is newer, `newest` stays where reading went back to. */
  passed: z.int().optional(),
  /** Nothing newer came for `overlap` of our time. */
  quiet: z.literal(true).optional(),
  /** What the console's clock is ahead of ours. */
  ahead,
  /** Milliseconds asked for at once, while the console is too slow for the configured `slice`. */
  slice: z.int().positive().optional(),
  /** The console does not sort: windows are read whole and sorted here. */
  unsorted: z.literal(true).optional(),
  /** The first two users seen, to notice a credential that is shown its own rows only. */
  users: z.array(z.string()).max(2).optional(),
});

export type Cursor = z.output<typeof Cursor>;
