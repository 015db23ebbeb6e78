import { z } from 'zod';
import { duration, httpUrl, sourceOptions, timezone } from '../../config/options.ts';
import { INTERVAL_TYPES } from './bucket.ts';

/** The values of `type`: the five with a documented shape, and one that the documents only name. */
const SUMMARY_TYPES = ['attack_source', 'country', 'endpoint', 'reason', 'rule', 'total_endpoint'] as const;

const NO_ID = 'expected the id as BotBye shows it, as text (quote it when it looks like a number)';

/** One segment of a URL's path; dots alone would leave the path. */
const segment = () => z.string(NO_ID).regex(/^(?!\.+$)[^/?#\s]+$/, NO_ID);

const once = (values: readonly string[]) => new Set(values).size === values.length;

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().describe(
    'Where the BotBye API answers; the documents name no host. Without `/api/v1`.',
  ),
  account_id: segment().describe('Your BotBye account.'),
  project_ids: z
    .array(segment())
    .min(1, 'expected at least one project id')
    .refine(once, 'expected each project id once')
    .describe('The projects to read; each is a stream per type.'),
  types: z
    .array(z.enum(SUMMARY_TYPES))
    .min(1, 'expected at least one type')
    .refine(once, 'expected each type once')
    .default(['attack_source', 'country', 'endpoint', 'reason', 'rule'])
    .describe('Which summaries to read. One request each, per project and poll.'),
  interval_type: z
    .enum(INTERVAL_TYPES)
    .default('DAY')
    .describe(
      'The bucket that BotBye counts in. Each has streams of its own: two sources can count hours and days side by side.',
    ),
  interval: z
    .literal(1, 'expected 1: nothing documents which buckets a longer interval has')
    .default(1)
    .describe('Length of a bucket in units of `interval_type`; only 1.'),
  auth: z
    .enum(['bearer', 'x-api-key'])
    .default('bearer')
    .describe(
      '`Authorization: Bearer <token>`, or `X-Api-Key` with the token in Base64. BotBye documents both.',
    ),
  resource: z
    .string()
    .regex(/^[\w-]+$/, 'expected one segment of a path, such as declined_requests or declined_events')
    .default('declined_requests')
    .describe('Last segment of the path; some pages of the vendor say `declined_events`.'),
  bucket_timezone: timezone()
    .default('UTC')
    .describe(
      'IANA time zone in which BotBye begins hours, days and months. A change closes the open buckets.',
    ),
  edge_guard: duration('30s', { to: '15m' }).describe(
    'An answer dated this soon after the start of a bucket is put aside: it may still show the bucket before.',
  ),
});

export type Options = z.output<typeof options>;
