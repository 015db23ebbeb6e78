import { DateTime } from 'luxon';
import * as z from 'zod';
import { duration, httpUrl, sourceOptions, timezone } from '../../config/options.ts';
import type { Gap, Span, StreamContext } from '../../core/source.ts';
import { ahead, instant } from '../_kit/clock.ts';

/** The values of `interval_type`. */
export const INTERVAL_TYPES = ['HOUR', 'DAY', 'MONTH'] as const;

/** The values of `type`: five with a documented shape, and one that the documentation only names. */
const SUMMARY_TYPES = ['attack_source', 'country', 'endpoint', 'reason', 'rule', 'total_endpoint'] as const;

const NO_ID = 'expected the id that BotBye shows, as text (quote it if it looks like a number)';

/** One segment of a URL's path; dots alone would leave the path. */
const segment = () => z.string(NO_ID).regex(/^(?!\.+$)[^/?#\s]+$/, NO_ID);

const isUnique = (values: readonly string[]) => new Set(values).size === values.length;

/** The block of the configuration. */
export const options = sourceOptions({
  base_url: httpUrl().describe('URL of the BotBye API, without `/api/v1`; the documentation names no host.'),
  account_id: segment().describe('Your BotBye account.'),
  project_ids: z
    .array(segment())
    .min(1, 'expected at least one project id')
    .refine(isUnique, 'expected each project id once')
    .describe('The projects to read; each is a stream per type.'),
  types: z
    .array(z.enum(SUMMARY_TYPES))
    .min(1, 'expected at least one type')
    .refine(isUnique, 'expected each type once')
    .default(['attack_source', 'country', 'endpoint', 'reason', 'rule'])
    .describe('The summaries to read. Each is one request per project and poll.'),
  interval_type: z
    .enum(INTERVAL_TYPES)
    .default('DAY')
    .describe(
      'The bucket in which BotBye counts. Each has its own streams: two sources can count hours and days side by side.',
    ),
  interval: z
    .literal(1, 'must be 1: the buckets of a longer interval are not documented')
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
    .describe('Last segment of the path; some pages of BotBye say `declined_events`.'),
  bucket_timezone: timezone()
    .default('UTC')
    .describe(
      'IANA time zone in which BotBye begins hours, days and months. Changing it closes the open buckets.',
    ),
  edge_guard: duration('30s', { to: '15m' }).describe(
    'An answer dated this soon after the start of a bucket is not used: it may still show the previous bucket.',
  ),
});

export type Options = z.output<typeof options>;
export type Context = StreamContext<Options>;

/** How the vendor divides time into buckets. */
export interface Calendar {
  readonly interval_type: (typeof INTERVAL_TYPES)[number];
  /** IANA time zone. */
  readonly zone: string;
}

/** The calendar that the options describe. */
export function calendarOf({
  interval_type,
  bucket_timezone,
}: Pick<Options, 'interval_type' | 'bucket_timezone'>): Calendar {
  return { interval_type, zone: bucket_timezone };
}

/** What is being counted. The counts are in the ledger. */
export const cursor = z.object({
  /** Start of the open bucket. */
  bucket: instant,
  /** The calendar of the open bucket: the bucket closes when the options name another time zone. */
  interval_type: z.enum(INTERVAL_TYPES),
  zone: z.string(),
  /** Everything before is counted, or is a gap: the `Date` of the last reading. */
  read: instant,
  /** By how much the vendor's clock is ahead of ours. Milliseconds. */
  ahead,
});

export type Cursor = z.output<typeof cursor>;
export type StoredCursor = z.input<typeof cursor>;

const HOUR = 3_600_000;

/** The calendar hour, day or month that contains an instant (epoch ms). */
export function bucketAt(at: number, { interval_type, zone }: Calendar): Span {
  const time = DateTime.fromMillis(at, { zone });
  // Not `startOf('hour')`: where clocks go back by half an hour, it finds an hour that does not contain the instant.
  if (interval_type === 'HOUR') {
    const from = at - ((at + time.offset * 60_000) % HOUR);
    return { from, to: from + HOUR };
  }
  const unit = interval_type === 'DAY' ? 'day' : 'month';
  const start = time.startOf(unit);
  // `startOf` again, because a day that begins at one o'clock (clocks go forward at midnight) does not end at one.
  const end = start.plus({ [unit]: 1 }).startOf(unit);
  return { from: start.toMillis(), to: end.toMillis() };
}

/** A bucket is read once more this long before its edge, ms. What is declined after that reading stays unseen. */
const EDGE_LEAD = 15_000;

/** `Date` headers have whole seconds, so an answer at the very end of the guard may look too early. */
const DATE_PRECISION = 1000;

/**
 * When to poll in addition to the schedule: shortly before the bucket ends, and `guard` after its edge, as soon as an answer
 * is sure to show the new bucket. Epoch ms, after `now`.
 */
export function nextEdge(now: number, calendar: Calendar, guard: number): number {
  const { from, to } = bucketAt(now, calendar);
  const settled = guard + DATE_PRECISION;
  return [from + settled, to - EDGE_LEAD].find((at) => at > now) ?? to + settled;
}

interface Dating {
  /** The answer's date, epoch ms, and the bucket that contains it. */
  readonly date: number;
  readonly bucket: Span;
  /** Start of the bucket that is being counted; undefined at the very first poll. */
  readonly open: number | undefined;
}

/**
 * Whether an answer's date does not prove which bucket it shows. Shortly after an edge an aggregator may still show the old
 * bucket; so may, after that, a server whose clock is behind.
 */
export function isAmbiguous({ date, bucket, open }: Dating, guard: number): boolean {
  if (date - bucket.from < guard) return true;
  return open !== undefined && date < open && open - date <= guard;
}

/** The gap between what was counted and what is counted next, unless it is only the time after the reading at the edge. */
export function unseenGaps({ from, to }: Span, guard: number): Gap[] {
  if (to - from <= longestUnseen(guard)) return [];
  return [{ from, to, reason: 'bucket-end-unseen', part: '' }];
}

/** The longest time between the reading at an edge and the answer that shows the next bucket, ms. */
export function longestUnseen(guard: number): number {
  return EDGE_LEAD + guard;
}
