import { z } from 'zod';
import { ahead } from '../_kit/kept-clock.ts';
import { instant, span } from '../_petra/time.ts';

/** A span that was not read; `only`: of these tenants alone. */
const hole = span.extend({ only: z.array(z.string()).optional() });

/** How far the incidents of one organisation are read. Tenants are walked in the order of their ids. */
export const cursor = z.object({
  /** All that was created before is read, but for `holes`, `walk` and gaps: the `Date` of the last list of all tenants. */
  since: instant,
  /** What the vendor's clock was ahead of ours at that answer. Milliseconds. */
  ahead,
  /** The tenants that the options named at the last poll, as they name them; absent: all. */
  tenants: z.array(z.string()).optional(),
  /** Spans to be asked for tenant by tenant, in a walk that begins later: full lists left them unread. */
  holes: z.array(hole),
  /** The walk that goes on: its spans, and the tenant that it has come to. */
  walk: z.object({ holes: z.array(hole), after: z.string() }).optional(),
  refresh: z.object({
    ended: instant,
    /** The re-read that goes on: of all tenants, or only of those in `unread`. */
    walk: z.object({ all: z.boolean(), after: z.string() }).optional(),
  }),
  /** Open gaps of tenants that could not be asked: closed by the first answer that reaches back to their start. */
  unread: z.record(z.string(), span),
  /** Open gaps of tenants whose updates a re-read does not reach. */
  outOfReach: z.record(z.string(), span),
});

export type Cursor = z.output<typeof cursor>;
export type StoredCursor = z.input<typeof cursor>;
export type Hole = z.output<typeof hole>;
