import { z } from 'zod';
import type { Observation, Page, Span, StreamContext } from '../../core/source.ts';
import { PAGE } from '../../core/rows.ts';
import { inParts, type Parts } from '../_kit/parts.ts';
import { KeptClock, PRECISION } from '../_kit/kept-clock.ts';
import { bucketAt, calendarOf, type Calendar } from './bucket.ts';
import { BucketCount } from './bucket-count.ts';
import { cursor, type Cursor, type StoredCursor } from './cursor.ts';
import { isAmbiguous, unseen } from './edge.ts';
import type { Options } from './options.ts';
import { partsOf, readSummary, type Summary } from './summary.ts';

type Poll = StreamContext<Options>;

/**
 * One reading of one stream. Its answer's own date says which bucket it shows; a bucket that ended is
 * closed with the first reading of a later one. Ends without a page when the answer is put aside.
 */
export async function* poll(lent: Poll, before: Cursor | undefined): AsyncGenerator<Page<StoredCursor>> {
  const clock = new KeptClock(lent, { ahead: before?.ahead, slack: lent.options.edge_guard });
  const run = { ...lent, http: clock.http };
  let summary: Summary;
  try {
    const from = before?.read ?? bucketAt(run.now(), calendarOf(run.options)).from;
    summary = await readSummary(run, { from, to: run.now() });
  } catch (error) {
    // While the vendor is away, or refuses us, no reading will close the bucket: the clock does.
    if (before !== undefined && isOver(run, before)) yield* closeByClock(run, before);
    throw error;
  }
  clock.warnOfDifference(run.options.edge_guard);
  const setBack = clock.takeSetBack() > 0;
  if (before !== undefined && isOlder(summary.date, before) && !setBack) {
    noteOld(run, summary.date);
    return;
  }
  const bucket = bucketAt(summary.date, calendarOf(run.options));
  if (isAmbiguous({ date: summary.date, bucket, open: before?.bucket }, run.options.edge_guard)) {
    noteAside(run, summary.date);
    return;
  }
  yield* readingPages(run, { summary, bucket, before, setBack, ahead: clock.ahead });
}

interface Reading {
  readonly summary: Summary;
  readonly bucket: Span;
  readonly before: Cursor | undefined;
  /** The vendor's clock was set back since the last reading. */
  readonly setBack: boolean;
  /** What it is ahead of ours. Milliseconds. */
  readonly ahead: number | undefined;
}

async function* readingPages(
  run: Poll,
  { summary: { date, at, rows }, bucket, before, setBack, ahead }: Reading,
): AsyncGenerator<Page<StoredCursor>> {
  const { edge_guard } = run.options;
  const calendar = calendarOf(run.options);
  const rebase = before !== undefined && before.zone !== calendar.zone;
  const goesOn = before !== undefined && !rebase && before.bucket === bucket.from;
  const read = goesOn && !setBack ? Math.max(before.read, date) : date;
  const countedFrom = rebase ? date : bucket.from;
  const covered = { from: goesOn ? before.read : countedFrom, to: date };
  const counted = openBucket(run, bucket, calendar).tell(rows, { rebase, lastRead: before?.read ?? date });
  const state = { ...calendar, bucket: bucket.from, ...(ahead !== undefined && { ahead }) };
  const last: Page<StoredCursor> = {
    observations: [],
    cursor: z.encode(cursor, { ...state, read }),
    ...(covered.to > covered.from && { covered }),
    // By our clock too, lest a Date from the future makes buckets forgotten that go on when it is right.
    forgetBefore: bucketAt(Math.min(bucket.from, bucketAt(at, calendar).from) - 1, calendar).from,
    complete: true,
  };
  const closed = before === undefined || goesOn ? [] : close(run, before);
  const gaps =
    before === undefined || goesOn ? [] : unseen({ from: before.read, to: countedFrom }, edge_guard);
  if (goesOn || rebase || rows.batches.length <= 1) {
    yield* inParts(joined(closed, watched(run, counted)), { ...last, gaps });
    return;
  }
  // The bucket is open before anything of it is told, so that it is closed whatever happens meanwhile.
  const opened = z.encode(cursor, { ...state, read: bucket.from });
  yield* inParts(closed, { observations: [], cursor: opened, gaps });
  yield* inParts(watched(run, counted), last);
}

/** Closes the open bucket without a reading; what comes next is counted in the bucket that the clock shows. */
async function* closeByClock(run: Poll, before: Cursor): AsyncGenerator<Page<StoredCursor>> {
  const { from } = bucketAt(run.now(), before);
  yield* inParts(close(run, before), {
    observations: [],
    cursor: z.encode(cursor, { ...before, bucket: from, read: from }),
    gaps: unseen({ from: before.read, to: from }, run.options.edge_guard),
  });
}

function close(run: Poll, before: Cursor): Counted {
  const bucket = bucketAt(before.bucket, before);
  return openBucket(run, bucket, before).close(before.read);
}

function openBucket(run: Poll, { from, to }: Span, { interval_type, zone }: Calendar): BucketCount {
  const { project, dimension } = partsOf(run.scope);
  const frame = { account: run.options.account_id, project, dimension, interval_type, zone, from, to };
  return new BucketCount(frame, run);
}

type Counted = AsyncIterable<readonly Observation[]>;

/** Small parts of several become one. */
async function* joined(...all: readonly Parts[]): Counted {
  let held: readonly Observation[] = [];
  for (const parts of all) {
    for await (const part of parts) {
      if (held.length > 0 && held.length + part.length > PAGE.rows) {
        yield held;
        held = part;
      } else held = [...held, ...part];
    }
  }
  yield held;
}

async function* watched(run: Poll, parts: Counted): Counted {
  let falls = 0;
  for await (const part of parts) {
    falls += part.filter(({ final }) => final === true).length;
    yield part;
  }
  if (falls > 0) warnOfFalls(run, falls);
}

function isOver(run: Poll, before: Cursor): boolean {
  return run.now() >= bucketAt(before.bucket, before).to + run.options.edge_guard;
}

/** A cache may give an answer from before the last reading: it shows counts that have grown since. */
function isOlder(date: number, { read, ahead }: Cursor): boolean {
  return ahead !== undefined && date < read - PRECISION;
}

function noteOld({ log, scope }: Poll, date: number): void {
  log.warn(
    { event: { created: new Date(date).toISOString() }, penstock: { stream: scope.id } },
    'A cache between here and BotBye gave an answer that is older than the last reading: it is not counted. Make the cache leave /api/ alone.',
  );
}

function noteAside({ log, mode, scope }: Poll, date: number): void {
  const fields = { event: { created: new Date(date).toISOString() }, penstock: { stream: scope.id } };
  const what = 'An answer dated at the edge of a bucket may still show the one before, and is put aside.';
  if (mode === 'run') log.info(fields, `${what} It is asked for again after edge_guard.`);
  // A job that always starts at an edge would never read anything.
  else log.warn(fields, `${what} Start \`penstock once\` a minute or more after the hour.`);
}

function warnOfFalls({ log, scope }: Poll, series: number): void {
  log.warn(
    { penstock: { stream: scope.id, series } },
    'Counts fell inside their bucket: BotBye counts them anew, and so does Penstock. What was declined since the reading before may be missing.',
  );
}
