import { z } from 'zod';
import { duration, httpUrl, sourceOptions, tenants } from '../../config/options.ts';
import { BASE_URL } from '../_petra/api.ts';

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().prefault(BASE_URL).describe('Where Petra’s API answers, without `/v1`.'),
  tenants: tenants(),
  initial_lookback: duration('30d', { from: '1d' }).describe(
    'How far back the days of a tenant are read at first.',
  ),
  settle: duration('2h').describe('How long after its end (UTC) a day is taken as closed.'),
  revise_days: z
    .int()
    .min(0)
    .max(30)
    .default(2)
    .describe('How many of the last closed days are read again, for revisions.'),
  revise_interval: duration('6h', { from: '1m' }).describe(
    'A closed day is not read again sooner; `penstock once` does so when the budget has room.',
  ),
  intraday_interval: duration(undefined, { from: '1m' })
    .nullable()
    .prefault('1h')
    .describe('Pause between two readings of the day that goes on; null: closed days only.'),
});

export type Options = z.output<typeof options>;
