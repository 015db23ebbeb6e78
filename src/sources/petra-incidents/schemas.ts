import { z } from 'zod';
import { ahead } from '../_kit/clock.ts';
import { BASE_URL } from '../_petra/api.ts';
import { instant, span } from '../_petra/fields.ts';
import { duration, httpUrl, sourceOptions, tenants } from '../../config/options.ts';

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().prefault(BASE_URL).describe('Where Petra’s API answers, without `/v1`.'),
  tenants: tenants(),
  limit: z
    .int()
    .min(1)
    .max(500, 'expected at most 500: Petra lists no more')
    .default(500)
    .describe('Incidents asked for at once. A list of exactly this length is taken as incomplete.'),
  overlap: duration('10m').describe(
    'Each poll reads this far behind the last one, for incidents that come late.',
  ),
  initial_lookback: duration('30d', { from: '1m' }).describe('How far back the first poll reads.'),
  refresh_interval: duration('15m', { from: '1m' }).describe(
    'Pause between two re-reads of older incidents, in which changes are found.',
  ),
  track_updates_for: duration('14d', { from: '1m' }).describe(
    'How long after its creation changes of an incident are looked for.',
  ),
});

export type Options = z.output<typeof options>;

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

/** The next list is asked for from `to` on; what it does not reach is walked tenant by tenant, as after a long absence. */
export function rewind(cursor: Cursor, to: number): Cursor {
  return { ...cursor, since: Math.min(cursor.since, to) };
}
