import * as z from 'zod';
import { duration, httpUrl, sourceOptions, tenants } from '../../config/options.ts';
import type { StreamContext } from '../../core/source.ts';
import { ahead, instant, span } from '../_kit/clock.ts';
import { BASE_URL } from '../_petra/api.ts';

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().prefault(BASE_URL).describe('URL of Petra’s API, without `/v1`.'),
  tenants: tenants(),
  limit: z
    .int()
    .min(1)
    .max(500, 'must be at most 500: Petra lists no more')
    .default(500)
    .describe('Incidents requested at once. A list of exactly this length counts as incomplete.'),
  overlap: duration('10m').describe(
    'How far each poll reads behind the previous one, to find incidents that come late.',
  ),
  initial_lookback: duration('30d', { from: '1m' }).describe('How far back the first poll reads.'),
  refresh_interval: duration('15m', { from: '1m' }).describe(
    'Pause between two re-reads of older incidents, which find changes.',
  ),
  track_updates_for: duration('14d', { from: '1m' }).describe(
    'How long after its creation an incident is checked for changes.',
  ),
});

export type Options = z.output<typeof options>;
export type Context = StreamContext<Options>;

/** A span that was not read; `only`: for these tenants alone. */
const hole = span.extend({ only: z.array(z.string()).optional() });

/** How far the incidents of one organisation were read. Tenants are read one by one in the order of their ids. */
export const cursor = z.object({
  /** Everything created before was read, except `holes`, `walk` and gaps: the `Date` of the last list of all tenants. */
  since: instant,
  /** By how much the vendor's clock was ahead of ours at that answer. Milliseconds. */
  ahead,
  /** The tenants that the options named at the last poll, as they name them; absent: all. */
  tenants: z.array(z.string()).optional(),
  /** Spans that full lists left unread: they will be read tenant by tenant. */
  holes: z.array(hole),
  /** The holes that are being read now, and the last tenant that was read. */
  walk: z.object({ holes: z.array(hole), after: z.string() }).optional(),
  refresh: z.object({
    /** When the last re-read ended. */
    ended: instant,
    /** The re-read in progress: of all tenants, or only of those in `unread`; and the last tenant that was read. */
    walk: z.object({ all: z.boolean(), after: z.string() }).optional(),
  }),
  /** Open gaps of tenants that could not be read. The first answer that reaches back to their start closes them. */
  unread: z.record(z.string(), span),
  /** Open gaps of tenants whose updates a re-read does not reach. */
  outOfReach: z.record(z.string(), span),
});

export type Cursor = z.output<typeof cursor>;
export type StoredCursor = z.input<typeof cursor>;
export type Hole = z.output<typeof hole>;

/** The next list begins at `to`; what it does not reach is read tenant by tenant, as after a long absence. */
export function rewind(before: Cursor, to: number): Cursor {
  return { ...before, since: Math.min(before.since, to) };
}
