import type { HttpRequest } from '../../core/http.ts';
import type { Gap, Page } from '../../core/source.ts';
import { hull } from '../../core/span.ts';
import { Answer, shapeOf } from './answer.ts';
import type { SnapshotCursor } from './cursors.ts';
import type { PollParts } from './definition.ts';
import { pagesOf } from './emit.ts';
import { Evidence } from './evidence.ts';
import { Expansion } from './expand.ts';
import { Pager } from './pager.ts';
import { Reading } from './records.ts';
import { surveyOf } from './survey.ts';
import { optionValues } from './terms.ts';
import { Allowance } from './window-walk.ts';
import { gapOf } from './window-state.ts';

const MOVED = 'changed-while-read';
const INCOMPLETE = 'snapshot-incomplete';

/** How often a walk is repeated in which records moved. */
const MOST_REPEATS = 2;

type Pages = AsyncGenerator<Page<SnapshotCursor>, 'ended' | 'cut'>;

/** Reads the whole list. */
export async function* pollSnapshot(
  parts: PollParts,
  cursor: SnapshotCursor | undefined,
): AsyncGenerator<Page<SnapshotCursor>> {
  const { definition, context, limits } = parts;
  const began = context.now();
  const shifts = /^(?:offset|page)$/.test(definition.paging.kind);
  const allowance = new Allowance(limits.pages);
  const before = cursor ?? { definition: definition.fingerprint };
  for (let repeats = 0; ; repeats += 1) {
    const settling = { news: 0, began, givesUp: !shifts || repeats === MOST_REPEATS, shifts };
    const ended = yield* walk(parts, { before, allowance, settling });
    if (ended === 'cut' || settling.news === 0 || settling.givesUp) return;
  }
}

interface Settling {
  /** How many records the walk showed that the ledger did not know, or that changed. */
  news: number;
  readonly began: number;
  readonly givesUp: boolean;
  /** A change can move a record past the walk. */
  readonly shifts: boolean;
}

interface WalkOf {
  readonly before: SnapshotCursor;
  readonly allowance: Allowance;
  readonly settling: Settling;
}

async function* walk({ definition, context }: PollParts, { before, allowance, settling }: WalkOf): Pages {
  const expansion = Expansion.of(definition, context.http, context);
  const reading = new Reading(definition.rules);
  const pager = new Pager({
    request: definition.request,
    paging: definition.paging,
    variables: { options: optionValues(definition.optionTypes, context.options) },
    shape: shapeOf(definition.records),
  });
  const evidence = Evidence.of(definition);
  let request: HttpRequest | undefined = pager.first();
  while (request !== undefined) {
    context.signal.throwIfAborted();
    allowance.spend();
    const answer = new Answer(await context.http.request(request), definition.records);
    const survey = await surveyOf(answer.rows, definition.rules);
    evidence.note(answer);
    const next = pager.next(answer);
    if (next === undefined) evidence.warn(context.log, request, answer);
    request = next;
    const { date } = answer.response;
    const cut = request !== undefined && allowance.isSpent;
    const isLast = request === undefined;
    const onObserved = settling.shifts
      ? (_: readonly string[], news: number) => void (settling.news += news)
      : undefined;
    yield* pagesOf<SnapshotCursor>(
      { context, reading, survey, rememberAt: byPoll, expansion, onObserved },
      () => {
        if (cut) return cutShort(before, { from: settling.began, to: date });
        return isLast && (settling.news === 0 || settling.givesUp) ? finished(before, settling, date) : {};
      },
    );
    if (cut) return 'cut';
  }
  return 'ended';
}

/** A list has no times: its keys are kept by the time of the poll. */
function byPoll(): undefined {
  return undefined;
}

type Tail = Omit<Page<SnapshotCursor>, 'observations'>;

/** The list was not read whole: it starts anew at the next poll. */
function cutShort(
  before: SnapshotCursor,
  { from, to }: { readonly from: number; readonly to: number },
): Tail {
  const span = { from: Math.min(before.read ?? from, from), to: Math.max(to, from + 1) };
  const partial = before.partial === undefined ? span : hull([before.partial, span]);
  return { cursor: { ...before, partial }, gaps: [gapOf(span, INCOMPLETE)] };
}

function finished(before: SnapshotCursor, { news, began }: Settling, date: number): Tail {
  const { partial, moved, ...kept } = before;
  const isQuiet = news === 0;
  const span = { from: began, to: Math.max(date, began + 1) };
  const open = moved === undefined ? span : hull([moved, span]);
  const closedGaps: Gap[] = [
    ...(partial === undefined ? [] : [gapOf(partial, INCOMPLETE)]),
    ...(isQuiet && moved !== undefined ? [gapOf(moved, MOVED)] : []),
  ];
  const from = before.read ?? began;
  return {
    cursor: { ...kept, read: date, ...(!isQuiet && { moved: open }) },
    ...(from < date && { covered: { from, to: date } }),
    ...(!isQuiet && { gaps: [gapOf(span, MOVED)] }),
    ...(closedGaps.length > 0 && { closedGaps }),
    complete: true,
  };
}
