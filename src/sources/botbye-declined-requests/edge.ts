import type { Gap, Span } from '../../core/source.ts';
import { bucketAt, type Calendar } from './bucket.ts';

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
