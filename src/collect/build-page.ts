import type { EcsEvent, JournaledEvent } from '../core/event.ts';
import { gapEvent } from '../ecs/own-events.ts';
import type { Lane, LedgerEntry, LedgerWrite, StreamState } from '../journal/journal.ts';
import { within } from '../core/span.ts';
import type {
  Gap,
  LedgerValue,
  MappingContext,
  Observation,
  Page,
  Scope,
  Source,
  Span,
} from '../core/source.ts';
import { boundLedger, warnOfGap } from './limits.ts';
import type { PollContext } from './context.ts';
import { PollStats } from '../core/poll-stats.ts';
import { closedTooLarge, isSameTooLarge } from './too-large.ts';
import { isDeepStrictEqual } from 'node:util';
import { identityOf, type StreamNames } from '../core/stream-key.ts';
import { tenantSettings } from '../config/tenant-settings.ts';
import type { SourceConfig } from '../config/types.ts';
import { malformedEvent, oddFields, withCommonFields } from '../ecs/common.ts';
import { countUid, creationUid, updateUid } from '../ecs/uid.ts';
import { explain } from '../core/errors.ts';
import { readRecord, Unreadable } from '../core/read-record.ts';

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

interface Subject {
  readonly config: SourceConfig;
  readonly scope: Scope;
  readonly observation: Observation;
  /** What the ledger knew; undefined for a key that it did not know. */
  readonly before: LedgerEntry | undefined;
  readonly decision: Extract<Decision, { outcome: 'told' }>;
  readonly lane?: Lane;
  readonly observedAt: number;
}

/**
 * The finished event of an observation that is told. What does not fit its schema is left out of its field, and the whole
 * record is in the event; one that lacks what it needs, or that the mapping throws on, becomes a `pipeline_error` with
 * the record in it: nothing is dropped.
 */
export function tell(subject: Subject): { event: JournaledEvent; malformed: boolean } {
  const { config, observedAt } = subject;
  const uid = uidOf(subject);
  const { mapped, malformed } = map(subject);
  const labels = {
    ...config.options.labels,
    ...tenantSettings(config.options, mapped)?.labels,
    ...(subject.lane === 'backfill' && { penstock_lane: subject.lane }),
  };
  const event = withCommonFields(mapped, config.definition, { uid, observedAt, source: config, labels });
  return { event: { uid, event }, malformed };
}

function map({ config, scope, observation, before, decision, observedAt }: Subject): {
  mapped: EcsEvent;
  malformed: boolean;
} {
  const { definition } = config;
  const original = 'original' in observation ? observation.original : observation.record;
  if (original instanceof Unreadable)
    return { mapped: malformedEvent(original, original.problem), malformed: true };
  const reading = readRecord(definition.record, observation.record);
  if ('problem' in reading) return { mapped: malformedEvent(original, reading.problem), malformed: true };
  const telling: MappingContext = {
    scope,
    observedAt,
    reason: decision.reason,
    previous: before?.value,
    delta: decision.delta,
  };
  try {
    const mapped = definition.normalise(reading.data, telling);
    const odd = reading.leftOut === undefined ? {} : oddFields(original, reading.leftOut);
    return { mapped: { ...mapped, ...odd }, malformed: false };
  } catch (error) {
    return { mapped: malformedEvent(original, `the mapping failed: ${explain(error)}`), malformed: true };
  }
}

function uidOf({ config, scope, observation, before, decision }: Subject): string {
  const { key, value = {} } = observation;
  const where: StreamNames = { ...identityOf(config), scope: scope.id };
  if (config.definition.stream === 'counter' && observation.value !== undefined) {
    const count = Number(value['count']);
    const final = decision.reason === 'final';
    return countUid(where, key, { count, base: count - decision.delta, final, previous: before?.uid ?? '' });
  }
  if (before === undefined) return creationUid(where, key);
  return updateUid(where, key, { changed: changedValues(value, before.value), previous: before.uid });
}

function changedValues(value: LedgerValue, before: LedgerValue): LedgerValue {
  return Object.fromEntries(
    Object.entries(value).filter(([name, now]) => !isDeepStrictEqual(now, before[name])),
  );
}

/** What the ledger makes of an observation. */
export type Decision =
  /** Known, and the same: nothing is told, nothing is written. */
  | { readonly outcome: 'repeated' }
  /** Known, and the same in all that we compared before; a field that a later release compares is taken over silently. */
  | { readonly outcome: 'adopted' }
  | { readonly outcome: 'told'; readonly reason: MappingContext['reason']; readonly delta: number };

const REPEATED: Decision = { outcome: 'repeated' };

/** Decides by what is known of the observation's key (undefined: nothing) whether and why it is told. */
export function decide(
  stream: Source['stream'],
  observation: Observation,
  known: LedgerEntry | undefined,
): Decision {
  if (stream === 'counter' && observation.value !== undefined) return count(observation, known?.value);
  if (known === undefined) return { outcome: 'told', reason: 'new', delta: 0 };
  if (stream === 'append-only' || observation.value === undefined) return REPEATED;
  return compare(observation.value, known.value);
}

function count({ value, final }: Observation, known: LedgerValue | undefined): Decision {
  const delta = Number(value?.['count']) - Number(known?.['count'] ?? 0);
  const closes = final === true && known?.['final'] !== true;
  if (known !== undefined && delta === 0 && !closes) return REPEATED;
  if (final === true) return { outcome: 'told', reason: 'final', delta };
  return { outcome: 'told', reason: known === undefined ? 'new' : 'updated', delta };
}

function compare(value: LedgerValue, known: LedgerValue): Decision {
  const names = Object.keys(value);
  if (names.some((name) => name in known && !isDeepStrictEqual(value[name], known[name]))) {
    return { outcome: 'told', reason: 'updated', delta: 0 };
  }
  return names.some((name) => !(name in known)) ? { outcome: 'adopted' } : REPEATED;
}

/** What the ledger is to hold from now on. A counter that was final stays so: a later change is a revision, final again. */
export function remembered({ value = {}, final }: Observation): LedgerValue {
  return final === true ? { ...value, final: true } : value;
}

/**
 * Observations of the past without those that live polling has told meanwhile: the ledger may have forgotten them
 * already, and the coverage has not. One without a time of its own stays.
 */
export function untold(
  observations: readonly Observation[],
  covered: readonly Span[],
): readonly Observation[] {
  const isTold = (at: number) => covered.some(({ from, to }) => from <= at && at < to);
  return observations.filter(({ at }) => at === undefined || !isTold(at));
}
