import { DateTime } from 'luxon';
import { z } from 'zod';
import { ahead } from '../_kit/clock.ts';
import { duration, httpUrl, sourceOptions, timezone } from '../../config/options.ts';
import type { Gap, Span } from '../../core/source.ts';

/** The values of `interval_type`. */
export const INTERVAL_TYPES = ['HOUR', 'DAY', 'MONTH'] as const;

/** How the vendor cuts time into buckets. */
export interface Calendar {
  readonly interval_type: (typeof INTERVAL_TYPES)[number];
  /** IANA time zone. */
  readonly zone: string;
}

/** The calendar that the options describe. */
export function calendarOf({
  interval_type,
  bucket_timezone,
}: Pick<Calendar, 'interval_type'> & { readonly bucket_timezone: string }): Calendar {
  return { interval_type, zone: bucket_timezone };
}

const HOUR = 3_600_000;

/** The calendar hour, day or month that holds an instant (epoch ms). */
export function bucketAt(at: number, { interval_type, zone }: Calendar): Span {
  const time = DateTime.fromMillis(at, { zone });
  // Not `startOf('hour')`: where the clocks go back by half an hour, it finds an hour that does not hold the instant.
  if (interval_type === 'HOUR') {
    const from = at - ((at + time.offset * 60_000) % HOUR);
    return { from, to: from + HOUR };
  }
  const unit = interval_type === 'DAY' ? 'day' : 'month';
  const start = time.startOf(unit);
  // Once more `startOf`: a day that the clocks begin at one o'clock does not end at one.
  return {
    from: start.toMillis(),
    to: start
      .plus({ [unit]: 1 })
      .startOf(unit)
      .toMillis(),
  };
}

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

/** How long before an edge a bucket is read once more, ms: what is declined after that reading stays unseen. */
const EDGE_LEAD = 15_000;

/** `Date` headers tell whole seconds, so that an answer at the very end of the guard may look too early. */
const DATE_PRECISION = 1000;

/**
 * When to poll besides the schedule: shortly before the bucket ends, and as soon as an answer shows the new bucket for
 * sure, `guard` after its edge. Epoch ms, after `now`.
 */
export function nextEdge(now: number, calendar: Calendar, guard: number): number {
  const { from, to } = bucketAt(now, calendar);
  const settled = guard + DATE_PRECISION;
  return [from + settled, to - EDGE_LEAD].find((at) => at > now) ?? to + settled;
}

interface Dating {
  /** The answer's date, epoch ms, and the bucket that holds it. */
  readonly date: number;
  readonly bucket: Span;
  /** Start of the bucket that is being counted; undefined on a first run. */
  readonly open: number | undefined;
}

/**
 * Whether an answer's date does not say which bucket it shows: shortly after an edge an aggregator may still hold the
 * old bucket, and after that a server whose clock is behind may seem to.
 */
export function isAmbiguous({ date, bucket, open }: Dating, guard: number): boolean {
  if (date - bucket.from < guard) return true;
  return open !== undefined && date < open && open - date <= guard;
}

/** The gap between what was counted and what is counted next, unless it is only what follows the reading at the edge. */
export function unseen({ from, to }: Span, guard: number): Gap[] {
  if (to - from <= longestUnseen(guard)) return [];
  return [{ from, to, reason: 'bucket-end-unseen', part: '' }];
}

/** What may lie between the reading at an edge and the next bucket, or the answer that shows it. Milliseconds. */
export function longestUnseen(guard: number): number {
  return EDGE_LEAD + guard;
}
