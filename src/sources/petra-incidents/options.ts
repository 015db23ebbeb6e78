import { z } from 'zod';
import { duration, httpUrl, sourceOptions, tenants } from '../../config/options.ts';
import { BASE_URL } from '../_petra/api.ts';

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
