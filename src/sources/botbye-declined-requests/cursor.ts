import { z } from 'zod';
import { ahead } from '../_kit/kept-clock.ts';
import { INTERVAL_TYPES } from './bucket.ts';

/** Epoch ms inside, ISO 8601 where it is stored and shown. */
const instant = z.codec(z.iso.datetime(), z.number(), {
  decode: (text) => Date.parse(text),
  encode: (epochMs) => new Date(epochMs).toISOString(),
});

/** What is counted at the moment. The counts themselves are in the ledger. */
export const cursor = z.object({
  /** Start of the bucket that is open. */
  bucket: instant,
  /** What it is counted in; the zone is that of the options then, and the bucket closes when they name another. */
  interval_type: z.enum(INTERVAL_TYPES),
  zone: z.string(),
  /** Everything before is counted, or told as a gap: the `Date` of the last reading. */
  read: instant,
  /** What the vendor's clock is ahead of ours. Milliseconds. */
  ahead,
});

export type Cursor = z.output<typeof cursor>;
export type StoredCursor = z.input<typeof cursor>;
