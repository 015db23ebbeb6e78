import { z } from 'zod';
import { errorIn, inParts, listOf, type Parts } from '../_kit/answer.ts';
import { KeptClock, PRECISION } from '../_kit/clock.ts';
import { membersOf } from '../_kit/keys.ts';
import { RefusedError, UnexpectedAnswerError } from '../../core/errors.ts';
import { percentEncoded } from '../../core/text.ts';
import { Unreadable } from '../../core/read-record.ts';
import { PAGE, Rows, type Shape } from '../../core/rows.ts';
import type { Observation, Page, Scope, Span, StreamContext } from '../../core/source.ts';
import { BucketCount } from './counting.ts';
import type { Counted } from './normalise.ts';
import {
  bucketAt,
  type Calendar,
  calendarOf,
  cursor,
  type Cursor,
  isAmbiguous,
  type Options,
  type StoredCursor,
  unseen,
} from './schemas.ts';

type Poll = StreamContext<Options>;

/**
 * One reading of one stream. Its answer's own date says which bucket it shows; a bucket that ended is
 * closed with the first reading of a later one. Ends without a page when the answer is put aside.
 */
export async function* poll(lent: Poll, before: Cursor | undefined): AsyncGenerator<Page<StoredCursor>> {
  const clock = new KeptClock(lent, { ahead: before?.ahead, slack: lent.options.edge_guard });
  const context = { ...lent, http: clock.http };
  let summary: Summary;
  try {
    const from = before?.read ?? bucketAt(context.now(), calendarOf(context.options)).from;
    summary = await readSummary(context, { from, to: context.now() });
  } catch (error) {
    // While the vendor is away, or refuses us, no reading will close the bucket: the clock does.
    if (before !== undefined && isOver(context, before)) yield* closeByClock(context, before);
    throw error;
  }
  clock.warnOfDifference(context.options.edge_guard);
  const setBack = clock.takeSetBack() > 0;
  if (before !== undefined && isOlder(summary.date, before) && !setBack) {
    noteOld(context, summary.date);
    return;
  }
  const bucket = bucketAt(summary.date, calendarOf(context.options));
  if (isAmbiguous({ date: summary.date, bucket, open: before?.bucket }, context.options.edge_guard)) {
    noteAside(context, summary.date);
    return;
  }
  yield* readingPages(context, { summary, bucket, before, setBack, ahead: clock.ahead });
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
  context: Poll,
  { summary: { date, at, rows }, bucket, before, setBack, ahead }: Reading,
): AsyncGenerator<Page<StoredCursor>> {
  const { edge_guard } = context.options;
  const calendar = calendarOf(context.options);
  const rebase = before !== undefined && before.zone !== calendar.zone;
  const goesOn = before !== undefined && !rebase && before.bucket === bucket.from;
  const read = goesOn && !setBack ? Math.max(before.read, date) : date;
  const countedFrom = rebase ? date : bucket.from;
  const covered = { from: goesOn ? before.read : countedFrom, to: date };
  const counted = openBucket(context, bucket, calendar).tell(rows, {
    rebase,
    lastRead: before?.read ?? date,
  });
  const state = { ...calendar, bucket: bucket.from, ...(ahead !== undefined && { ahead }) };
  const last: Page<StoredCursor> = {
    observations: [],
    cursor: z.encode(cursor, { ...state, read }),
    ...(covered.to > covered.from && { covered }),
    // By our clock too, lest a Date from the future makes buckets forgotten that go on when it is right.
    forgetBefore: bucketAt(Math.min(bucket.from, bucketAt(at, calendar).from) - 1, calendar).from,
    complete: true,
  };
  const closed = before === undefined || goesOn ? [] : close(context, before);
  const gaps =
    before === undefined || goesOn ? [] : unseen({ from: before.read, to: countedFrom }, edge_guard);
  if (goesOn || rebase || rows.batches.length <= 1) {
    yield* inParts(joined(closed, watched(context, counted)), { ...last, gaps });
    return;
  }
  // The bucket is open before anything of it is told, so that it is closed whatever happens meanwhile.
  const opened = z.encode(cursor, { ...state, read: bucket.from });
  yield* inParts(closed, { observations: [], cursor: opened, gaps });
  yield* inParts(watched(context, counted), last);
}

/** Closes the open bucket without a reading; what comes next is counted in the bucket that the clock shows. */
async function* closeByClock(context: Poll, before: Cursor): AsyncGenerator<Page<StoredCursor>> {
  const { from } = bucketAt(context.now(), before);
  yield* inParts(close(context, before), {
    observations: [],
    cursor: z.encode(cursor, { ...before, bucket: from, read: from }),
    gaps: unseen({ from: before.read, to: from }, context.options.edge_guard),
  });
}

function close(context: Poll, before: Cursor): AsyncParts {
  const bucket = bucketAt(before.bucket, before);
  return openBucket(context, bucket, before).close(before.read);
}

function openBucket(context: Poll, { from, to }: Span, { interval_type, zone }: Calendar): BucketCount {
  const { project, dimension } = partsOf(context.scope);
  const frame = { account: context.options.account_id, project, dimension, interval_type, zone, from, to };
  return new BucketCount(frame, context);
}

type AsyncParts = AsyncIterable<readonly Observation[]>;

/** Small parts of several become one. */
async function* joined(...all: readonly Parts[]): AsyncParts {
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

async function* watched(context: Poll, parts: AsyncParts): AsyncParts {
  let falls = 0;
  for await (const part of parts) {
    falls += part.filter(({ final }) => final === true).length;
    yield part;
  }
  if (falls > 0) warnOfFalls(context, falls);
}

function isOver(context: Poll, before: Cursor): boolean {
  return context.now() >= bucketAt(before.bucket, before).to + context.options.edge_guard;
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

/** A project, a type and a type of interval, as one stream's id: counters of hours and of days run side by side. */
export function scopeOf(project: string, dimension: string, intervalType: Options['interval_type']): Scope {
  return { id: `${project}/${dimension}/${intervalType}` };
}

/** What `scopeOf` put together. */
export function partsOf({ id }: Scope): { project: string; dimension: string } {
  // No part holds a slash: the project is one segment of a path.
  const [project = '', dimension = ''] = id.split('/');
  return { project, dimension };
}

/** One answer: the totals so far of the bucket that holds `date`. */
export interface Summary {
  /** The answer's own `Date`, epoch ms. */
  readonly date: number;
  /** Our clock when it came, epoch ms. */
  readonly at: number;
  /** As the vendor sent them, not validated. */
  readonly rows: Rows;
}

/** What a total says that comes alone; an object without it is none. */
const COUNT: keyof Counted = 'declinedReqCount';

/**
 * Asks for the stream's summary. `asked`: what it is to count that was not counted before.
 * @throws RefusedError 404, with what to check · UnexpectedAnswerError when the answer is no list, and what `Http.get` throws.
 */
export async function readSummary(
  { http, options, scope }: Pick<StreamContext<Options>, 'http' | 'options' | 'scope'>,
  asked?: Span,
): Promise<Summary> {
  const { project, dimension } = partsOf(scope);
  const path = `/api/v1/${percentEncoded(options.account_id)}/projects/${percentEncoded(project)}/overviews/${options.resource}`;
  const query = { type: dimension, interval: options.interval, interval_type: options.interval_type };
  const rowsOfBody: Shape = { rows: true };
  const request = {
    path,
    query,
    route: 'overviews',
    rows: rowsOfBody,
    ...(asked !== undefined && { asked }),
  };
  const answer = await http.get(request).catch((error: unknown) => {
    throw explained(error);
  });
  const { date, at } = answer;
  const rows = listOf(answer);
  if (rows !== undefined) return { date, at, rows };
  const body = answer.json();
  const failure = errorIn(body);
  if (dimension === 'total_endpoint' && body instanceof Unreadable) return { date, at, rows: Rows.of(body) };
  // Nothing documents the shape of this one; a single total may come alone, and without a name.
  if (dimension === 'total_endpoint' && failure === undefined && Object.hasOwn(membersOf(body), COUNT)) {
    return { date, at, rows: Rows.of({ id: dimension, ...membersOf(body) }) };
  }
  throw new UnexpectedAnswerError(
    `BotBye answered ${options.base_url}${path} (type=${dimension}) with something else than a list of rows${failure === undefined ? '' : `: ${failure}`}. Check base_url and \`resource\`; if they are right, the vendor changed its answer.`,
    `${options.base_url}${path}`,
    answer.status,
  );
}

function explained(error: unknown): unknown {
  if (!(error instanceof RefusedError) || error.status !== 404) return error;
  const message = `BotBye knows no ${error.url} (404). Check account_id and project_ids, and \`resource\`: the vendor's pages say both declined_requests and declined_events.`;
  return new RefusedError(message, error.url, 404, error.body);
}
