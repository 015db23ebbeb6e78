import * as z from 'zod';
import { RefusedError, UnexpectedAnswerError } from '../../core/errors.ts';
import { Unreadable } from '../../core/read-record.ts';
import { PAGE } from '../../core/row-batches.ts';
import { Rows } from '../../core/rows.ts';
import type { Observation, Page, Scope, Span } from '../../core/source.ts';
import { percentEncoded } from '../../core/text.ts';
import { errorIn, inParts, listOf, type Parts } from '../_kit/answer.ts';
import { KeptClock, PRECISION } from '../_kit/clock.ts';
import { membersOf } from '../_kit/keys.ts';
import { BucketCount } from './counting.ts';
import type { Counted } from './normalise.ts';
import {
  bucketAt,
  type Calendar,
  calendarOf,
  type Context,
  cursor,
  type Cursor,
  isAmbiguous,
  type Options,
  type StoredCursor,
  unseenGaps,
} from './schemas.ts';

type Pages = AsyncGenerator<Page<StoredCursor>>;

/**
 * One reading of one stream. The date of its answer says which bucket it shows; a bucket that ended is closed with the first
 * reading of a later one. There is no page when the answer is not used.
 */
export async function* poll(outer: Context, before: Cursor | undefined): Pages {
  const { edge_guard } = outer.options;
  const clock = new KeptClock(outer, { ahead: before?.ahead, slack: edge_guard });
  const context = { ...outer, http: clock.http };
  let summary: Summary;
  try {
    const from = before?.read ?? bucketAt(context.now(), calendarOf(context.options)).from;
    summary = await readSummary(context, { from, to: context.now() });
  } catch (error) {
    // While the vendor cannot be reached, or rejects us, no reading closes the bucket: the clock does.
    if (before !== undefined && isOver(context, before)) yield* closeByClock(context, before);
    throw error;
  }
  clock.warnOfDifference(edge_guard);
  const setBack = clock.takeSetBack() > 0;
  if (before !== undefined && isOlder(summary.date, before) && !setBack) {
    warnOfOldAnswer(context, summary.date);
    return;
  }
  const bucket = bucketAt(summary.date, calendarOf(context.options));
  if (isAmbiguous({ date: summary.date, bucket, open: before?.bucket }, edge_guard)) {
    noteAmbiguousAnswer(context, summary.date);
    return;
  }
  yield* pagesOf(context, { summary, bucket, before, setBack, ahead: clock.ahead });
}

function isOver(context: Context, before: Cursor): boolean {
  return context.now() >= bucketAt(before.bucket, before).to + context.options.edge_guard;
}

/** A cache may give an answer from before the last reading, whose counts have grown since. */
function isOlder(date: number, { read, ahead }: Cursor): boolean {
  return ahead !== undefined && date < read - PRECISION;
}

interface Reading {
  readonly summary: Summary;
  readonly bucket: Span;
  readonly before: Cursor | undefined;
  /** The vendor's clock was set back since the last reading. */
  readonly setBack: boolean;
  /** By how much the vendor's clock is ahead of ours. Milliseconds. */
  readonly ahead: number | undefined;
}

async function* pagesOf(context: Context, { summary, bucket, before, setBack, ahead }: Reading): Pages {
  const { date, at, rows } = summary;
  const calendar = calendarOf(context.options);
  const rebase = before !== undefined && before.zone !== calendar.zone;
  const sameBucket = before !== undefined && !rebase && before.bucket === bucket.from;
  const read = sameBucket && !setBack ? Math.max(before.read, date) : date;
  const countedFrom = rebase ? date : bucket.from;
  const covered = { from: sameBucket ? before.read : countedFrom, to: date };
  const reading = { rebase, lastRead: before?.read ?? date };
  const counted = watched(context, countOf(context, bucket, calendar).count(rows, reading));
  const state = { ...calendar, bucket: bucket.from, ...(ahead !== undefined && { ahead }) };
  const last: Page<StoredCursor> = {
    observations: [],
    cursor: z.encode(cursor, { ...state, read }),
    ...(covered.to > covered.from && { covered }),
    // Our clock counts too: otherwise a Date from the future would make the ledger forget open buckets.
    forgetBefore: bucketAt(Math.min(bucket.from, bucketAt(at, calendar).from) - 1, calendar).from,
    complete: true,
  };
  const ended = before === undefined || sameBucket ? undefined : before;
  const closed = ended === undefined ? [] : close(context, ended);
  const gaps =
    ended === undefined ? [] : unseenGaps({ from: ended.read, to: countedFrom }, context.options.edge_guard);
  if (sameBucket || rebase || rows.batches.length <= 1) {
    yield* inParts(joined(closed, counted), { ...last, gaps });
    return;
  }
  // The cursor names the new bucket before any of it is emitted, so that the bucket is closed whatever happens meanwhile.
  const opened = z.encode(cursor, { ...state, read: bucket.from });
  yield* inParts(closed, { observations: [], cursor: opened, gaps });
  yield* inParts(counted, last);
}

/** Closes the open bucket without a reading. The next reading counts in the bucket that the clock shows. */
async function* closeByClock(context: Context, before: Cursor): Pages {
  const { from } = bucketAt(context.now(), before);
  yield* inParts(close(context, before), {
    observations: [],
    cursor: z.encode(cursor, { ...before, bucket: from, read: from }),
    gaps: unseenGaps({ from: before.read, to: from }, context.options.edge_guard),
  });
}

type AsyncParts = AsyncIterable<readonly Observation[]>;

function close(context: Context, before: Cursor): AsyncParts {
  return countOf(context, bucketAt(before.bucket, before), before).close(before.read);
}

function countOf(context: Context, { from, to }: Span, { interval_type, zone }: Calendar): BucketCount {
  const { project, dimension } = partsOf(context.scope);
  const account = context.options.account_id;
  return new BucketCount({ account, project, dimension, interval_type, zone, from, to }, context);
}

/** Joins small parts, so that they fit one page. */
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

/** Warns when counts fell within their bucket: a series that ends during a reading did. */
async function* watched(context: Context, parts: AsyncParts): AsyncParts {
  let falls = 0;
  for await (const part of parts) {
    falls += part.filter(({ final }) => final === true).length;
    yield part;
  }
  if (falls > 0) warnOfFalls(context, falls);
}

function warnOfOldAnswer({ log, scope }: Context, date: number): void {
  log.warn(
    { event: { created: new Date(date).toISOString() }, penstock: { stream: scope.id } },
    'A cache in front of BotBye gave an answer older than the last reading; it is not counted. Exclude /api/ from the cache.',
  );
}

function noteAmbiguousAnswer({ log, mode, scope }: Context, date: number): void {
  const fields = { event: { created: new Date(date).toISOString() }, penstock: { stream: scope.id } };
  const what =
    'An answer dated at the edge of a bucket is not used, because it may still show the previous one.';
  if (mode === 'run') log.info(fields, `${what} The summary is requested again after edge_guard.`);
  // A job that always starts at an edge would never read anything.
  else log.warn(fields, `${what} Start \`penstock once\` a minute or more after the hour.`);
}

function warnOfFalls({ log, scope }: Context, series: number): void {
  log.warn(
    { penstock: { stream: scope.id, series } },
    'Counts fell within their bucket: BotBye started to count again, and so does Penstock. Requests declined since the previous reading may be missing.',
  );
}

/** The stream of a project, type and type of interval: counters of hours and of days run side by side. */
export function scopeOf(project: string, dimension: string, intervalType: Options['interval_type']): Scope {
  return { id: `${project}/${dimension}/${intervalType}` };
}

function partsOf({ id }: Scope): { project: string; dimension: string } {
  // No part contains a slash: the project is one segment of a path.
  const [project = '', dimension = ''] = id.split('/');
  return { project, dimension };
}

/** One answer: the totals so far of the bucket that contains `date`. */
export interface Summary {
  /** The answer's own `Date`, epoch ms. */
  readonly date: number;
  /** Our clock when it came, epoch ms. */
  readonly at: number;
  /** As the vendor sent them, not validated. */
  readonly rows: Rows;
}

/** The member that makes a single object a total. */
const COUNT: keyof Counted = 'declinedReqCount';

/**
 * Asks for the stream's summary. `asked`: the span that was not counted before.
 *
 * @throws RefusedError 404, with what to check · UnexpectedAnswerError when the answer is not a list; otherwise as
 *   `Http.get`.
 */
export async function readSummary(
  { http, options, scope }: Pick<Context, 'http' | 'options' | 'scope'>,
  asked?: Span,
): Promise<Summary> {
  const { project, dimension } = partsOf(scope);
  const path = `/api/v1/${percentEncoded(options.account_id)}/projects/${percentEncoded(project)}/overviews/${options.resource}`;
  const answer = await http
    .get({
      path,
      query: { type: dimension, interval: options.interval, interval_type: options.interval_type },
      route: 'overviews',
      rows: { rows: true },
      ...(asked !== undefined && { asked }),
    })
    .catch((error: unknown) => {
      throw explained(error);
    });
  const { date, at } = answer;
  const rows = listOf(answer);
  if (rows !== undefined) return { date, at, rows };
  const body = answer.json();
  const failure = errorIn(body);
  // The shape of `total_endpoint` is not documented; a single total may come as an object, and without a name.
  if (dimension === 'total_endpoint') {
    if (body instanceof Unreadable) return { date, at, rows: Rows.of(body) };
    if (failure === undefined && Object.hasOwn(membersOf(body), COUNT))
      return { date, at, rows: Rows.of({ id: dimension, ...membersOf(body) }) };
  }
  const url = `${options.base_url}${path}`;
  throw new UnexpectedAnswerError(
    `The answer of ${url} (type=${dimension}) is not a list of rows${failure === undefined ? '' : `: ${failure}`}. Check base_url and \`resource\`; if they are right, BotBye changed its answer.`,
    url,
    answer.status,
  );
}

function explained(error: unknown): unknown {
  if (!(error instanceof RefusedError) || error.status !== 404) return error;
  const message = `BotBye does not know ${error.url} (404). Check account_id and project_ids, and \`resource\`: BotBye's pages say both declined_requests and declined_events.`;
  return new RefusedError(message, error.url, 404, error.body);
}
