import type { JournaledEvent } from '../core/event.ts';
import { gapEvent } from '../ecs/own-events.ts';
import type { Lane, LedgerEntry, LedgerWrite, StreamState } from '../journal/journal.ts';
import { within } from '../core/span.ts';
import type { Gap, Observation, Page, Scope } from '../core/source.ts';
import { boundLedger } from './bound-ledger.ts';
import type { PollContext } from './context.ts';
import { decide, remembered } from './decide.ts';
import { warnOfGap } from './tell-gaps.ts';
import { PollStats } from '../core/poll-stats.ts';
import { tell } from './tell.ts';
import { closedTooLarge, isSameTooLarge } from './too-large.ts';
import { untold } from './untold.ts';

/** A page of a stream, and where it came from. */
export interface PageTask {
  readonly context: PollContext;
  readonly scope: Scope;
  readonly stream: StreamState;
  /** Without a cursor, the stored one is kept. */
  readonly page: Omit<Page<unknown>, 'cursor'> & { readonly cursor?: unknown };
  readonly stats: PollStats;
  readonly lane?: Lane;
  /** Tells what the ledger knows once more, as if it were new. */
  readonly again?: boolean;
}

/**
 * Decides what of a page is new, makes events of it, and commits events, ledger, gaps, coverage and cursor in one
 * transaction. Durable when it resolves.
 */
export function commitPage(task: PageTask): Promise<void> {
  return task.context.commits.run(() => decideAndCommit(task));
}

async function decideAndCommit(task: PageTask): Promise<void> {
  const { context, scope, stream, page, stats, lane = 'live', again = false } = task;
  const { journal, config, clock } = context;
  const observedAt = context.run.now();
  const observations = await toDecide(task);
  const keys = [...new Set(observations.map(({ key }) => key))];
  const known = new Map(again ? [] : await journal.ledger(stream.key, keys));
  const added = new PollStats();
  const { events, ledger } = tellPage({ context, scope, observations, known, lane, observedAt, added });
  const newGaps = await unemittedGaps(context, stream, page.gaps ?? []);
  added.gaps = newGaps.length;
  added.deferred = page.deferred ?? 0;
  const began = clock.now();
  await journal.commit({
    stream: stream.key,
    source: config.name,
    dataset: config.definition.dataset,
    lane,
    observedAt,
    events: [...events, ...newGaps.map((gap) => gapEvent({ config, scope, gap, observedAt }))],
    ledger: [...ledger.values()],
    hashLongKeys: config.definition.fullKeys !== true,
    forgetBefore: page.forgetBefore,
    keep: page.keep,
    cursor: page.cursor,
    covered: page.covered,
    gaps: page.gaps ?? [],
    closedGaps: [...(page.closedGaps ?? []), ...(await closedTooLarge(journal, stream.key, page))],
    complete: page.complete ?? false,
    deferred: page.deferred ?? 0,
  });
  context.observer?.commit(clock.now() - began);
  for (const gap of newGaps) warnOfGap(context, scope, gap);
  stats.add(added);
  stats.deferred = added.deferred;
  context.observer?.page(added);
  if (ledger.size > 0) await boundLedger(context);
}

/** Of the past, without what live polling has told meanwhile. */
async function toDecide({
  context: { journal },
  stream: { key },
  page: { observations },
  lane = 'live',
  again = false,
}: PageTask): Promise<readonly Observation[]> {
  return lane === 'live' || again ? observations : untold(observations, await journal.coverage(key));
}

interface Telltale {
  readonly context: PollContext;
  readonly scope: Scope;
  readonly observations: readonly Observation[];
  readonly lane: Lane;
  /** Changed as the page is told: a key may come twice in one page. */
  readonly known: Map<string, LedgerEntry>;
  readonly observedAt: number;
  readonly added: PollStats;
}

function tellPage(task: Telltale): { events: JournaledEvent[]; ledger: Map<string, LedgerWrite> } {
  const events: JournaledEvent[] = [];
  const ledger = new Map<string, LedgerWrite>();
  task.added.rows = task.observations.length;
  for (const observation of task.observations) {
    const told = tellOne(task, observation);
    if (told === undefined) continue;
    if (told.event !== undefined) events.push(told.event);
    task.known.set(observation.key, told.entry);
    ledger.set(observation.key, {
      ...told.entry,
      key: observation.key,
      at: observation.at ?? task.observedAt,
    });
  }
  task.added.schemaChanged = task.added.malformed * 2 > task.added.rows;
  return { events, ledger };
}

function tellOne(
  { context: { config }, scope, known, lane, observedAt, added }: Telltale,
  observation: Observation,
): { event?: JournaledEvent; entry: LedgerEntry } | undefined {
  const before = known.get(observation.key);
  const decision = decide(config.definition.stream, observation, before);
  if (decision.outcome === 'repeated') {
    added.repeated += 1;
    return undefined;
  }
  const value = remembered(observation);
  if (decision.outcome === 'adopted') return { entry: { value, uid: before?.uid ?? '' } };
  const { event, malformed } = tell({ config, scope, observation, before, decision, lane, observedAt });
  if (malformed) added.malformed += 1;
  else if (before === undefined) added.new += 1;
  else added.updated += 1;
  // Only an update's id follows from the telling before it.
  return { event, entry: { value, uid: config.definition.stream === 'append-only' ? '' : event.uid } };
}

/** A gap is told once: a span inside a known one of the same reason and part is none. */
async function unemittedGaps(
  context: PollContext,
  stream: StreamState,
  gaps: readonly Gap[],
): Promise<readonly Gap[]> {
  if (gaps.length === 0) return [];
  const known = await context.journal.gaps(stream.key);
  return gaps.filter(
    (gap) =>
      !known.some(
        (one) =>
          one.closed === undefined &&
          one.reason === gap.reason &&
          one.part === gap.part &&
          (within(gap, one) || isSameTooLarge(gap, one)),
      ),
  );
}
