import { setImmediate as nextTurn } from 'node:timers/promises';
import { JournalFullError } from '../core/errors.ts';
import type { Lane } from '../core/event.ts';
import { PollStats } from '../core/observers.ts';
import { GAP_REASON, type Gap, type Page } from '../core/source.ts';
import { gapEvent } from '../ecs/own-events.ts';
import type { PageCommit } from '../journal/journal.ts';
import { buildPage } from './build-page.ts';
import type { OpenStream, PollContext } from './context.ts';
import type { PollRecorder } from './poll-record.ts';
import { reportFailedRules, reportGap, reportLedger, reportShortened } from './report.ts';

/** A page to commit. Without a cursor, the stored one is kept. */
export type PageToCommit = Omit<Page<unknown>, 'cursor'> & { readonly cursor?: unknown };

export interface CommitOptions {
  /** Receives what the page added, when it is durable. */
  readonly stats: PollStats;
  /** Of the poll that the page is read by. */
  readonly recorder?: Pick<PollRecorder, 'completedWith'>;
  readonly lane?: Lane;
  /** Emits what the ledger knows once more, under the same ids. */
  readonly again?: boolean;
}

/**
 * Builds the records of a page and commits them with ledger, cursor, coverage and gaps in one transaction. Durable when it
 * resolves. Pages of one source are committed one at a time.
 */
export function commitPage(
  context: PollContext,
  stream: OpenStream,
  page: PageToCommit,
  { stats, recorder, lane = 'live', again = false }: CommitOptions,
): Promise<void> {
  return context.commits.run(async () => {
    const { journal, config, clock, observer } = context;
    const { scope, state } = stream;
    const observedAt = context.source.now();
    const keys = [...new Set(page.observations.map(({ key }) => key))];
    const built = buildPage(
      context,
      { ...page, scope, lane, observedAt },
      {
        ledger: await journal.ledger.lookup(state.key, keys),
        again,
        gaps: page.gaps === undefined ? [] : await journal.gaps.of(state.key),
        // Live polling may have emitted it in the meantime.
        covered: lane === 'live' || again ? [] : await journal.coverage.of(state.key),
      },
    );
    const began = clock.now();
    await journal.commit({
      ...headOf(context, stream, observedAt),
      lane,
      records: built.records,
      ledger: built.ledger,
      hashLongKeys: config.definition.fullKeys !== true,
      forgetBefore: page.forgetBefore,
      keep: page.keep,
      cursor: page.cursor,
      covered: page.covered,
      gaps: page.gaps ?? [],
      closedGaps: page.closedGaps ?? [],
      complete: page.complete,
      poll: page.complete === true ? recorder?.completedWith(sumOf(stats, built.stats)) : undefined,
      deferred: built.stats.deferred,
      dropped: built.stats.dropped,
    });
    observer?.commit(clock.now() - began);
    for (const gap of built.newGaps) reportGap(context, scope, gap);
    reportFailedRules(context, built.stats.failedRules);
    reportShortened(context, built.stats.shortenedFields);
    stats.add(built.stats);
    stats.deferred = built.stats.deferred;
    observer?.page(built.stats);
    await boundLedger(context, built.ledger.length);
    // The pages of one long answer follow each other without any other wait: delivery and `/livez` take their turn here.
    await nextTurn();
  });
}

function sumOf(one: PollStats, other: PollStats): PollStats {
  const sum = new PollStats();
  sum.add(one);
  sum.add(other);
  return sum;
}

/** What every commit of a stream names. */
function headOf({ config }: PollContext, { state }: OpenStream, observedAt: number): PageCommit {
  return {
    stream: state.key,
    source: config.name,
    observedAt,
  };
}

/**
 * At the cap of the journal, sources that can be read again wait. The others continue until the journal is critical, and
 * what is missed then is a gap.
 * @throws JournalFullError when the stream may not be read now.
 */
export async function requireRoom(context: PollContext, stream: OpenStream): Promise<void> {
  const { journal, clock, config } = context;
  const now = clock.now();
  const room = await journal.room(now);
  if (room === 'free' || (room === 'full' && !config.definition.canReread)) return;
  if (!config.definition.canReread) await recordFullJournal(context, stream, now);
  throw new JournalFullError(
    'The journal is full: it is at its cap (state.max_bytes) because a destination has not accepted its events, or the disk of state.path is nearly full. Polling continues when there is room.',
  );
}

/**
 * There is no room for an event. `gaps`, the log and readiness show the gap, and the first poll that finds room ships
 * it.
 */
async function recordFullJournal(context: PollContext, stream: OpenStream, now: number): Promise<void> {
  const { journal } = context;
  const { scope, state } = stream;
  const open = (await journal.gaps.of(state.key)).filter(
    ({ closed, reason }) => closed === undefined && reason === GAP_REASON.journalFull,
  );
  // What was read completely since the last time is not missing.
  const known = Math.max(state.lastComplete ?? -Infinity, ...open.map(({ to }) => to));
  const from = Math.min(now, known === -Infinity ? now : known);
  const gap: Gap = { from, to: now, reason: GAP_REASON.journalFull, part: '' };
  await journal.commit({ ...headOf(context, stream, now), unemittedGaps: [gap] });
  if (!open.some(({ unemitted }) => unemitted === true)) reportGap(context, scope, gap);
}

/**
 * Ships the gaps of a stream that have no event yet, because there was no room for one when they were recorded. Returns
 * what that adds. Durable when it resolves. Call it while holding `commits`.
 */
export async function emitOpenGaps(context: PollContext, stream: OpenStream): Promise<PollStats> {
  const { journal, config, encoder, source, observer } = context;
  const { scope, state } = stream;
  const stats = new PollStats();
  const gaps = (await journal.gaps.of(state.key)).filter(
    ({ unemitted, closed }) => unemitted === true && closed === undefined,
  );
  if (gaps.length === 0) return stats;
  const observedAt = source.now();
  const events = gaps.map((gap) => gapEvent({ config, scope, gap, observedAt }));
  const records = encoder.encode(events, observedAt);
  await journal.commit({ ...headOf(context, stream, observedAt), records, gaps });
  for (const gap of gaps) reportGap(context, scope, gap);
  stats.gaps = gaps.length;
  observer?.page(stats);
  return stats;
}

/** Entries that one transaction forgets; others take their turn between two. A ledger exceeds its bound by as many. */
const FORGET_AT_ONCE = 1_000;
const UNMEASURED = 'penstock.ledger-unmeasured';
/** At its bound, the ledger is shortened to this share of it: not at every page, and each time with one event. */
const SHORTENED = 0.9;

/**
 * Keeps the ledger of a source within `ledger.max`: the oldest entries are forgotten, and a gap says for which span. If
 * the vendor returns those records again they are sent again, which is better than a source that stops.
 */
async function boundLedger(context: PollContext, written: number): Promise<void> {
  const { journal, config, source } = context;
  const { max } = config.options.ledger;
  // Measuring costs as much as the source has streams: not for each of their pages.
  const known = source.memo.get(UNMEASURED) as number | undefined;
  const unmeasured = known === undefined ? FORGET_AT_ONCE : known + written;
  const isDue = unmeasured >= FORGET_AT_ONCE;
  source.memo.set(UNMEASURED, isDue ? 0 : unmeasured);
  if (!isDue) return;
  const { bytes } = await journal.ledger.sizeOf(config.name);
  reportLedger(context, bytes);
  if (bytes <= max) return;
  const shortened = new Set<string>();
  while ((await journal.ledger.sizeOf(config.name)).bytes > max * SHORTENED) {
    const streams = await journal.ledger.forgetOldest(config.name, FORGET_AT_ONCE, GAP_REASON.ledgerFull);
    if (streams.length === 0) break;
    for (const stream of streams) shortened.add(stream);
    await nextTurn();
  }
  for (const state of await journal.streams.all())
    if (shortened.has(state.key)) await emitOpenGaps(context, { scope: { id: state.scope }, state });
}
