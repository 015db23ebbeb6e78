import { isDeepStrictEqual } from 'node:util';
import type { SourceConfig } from '../config/types.ts';
import type { EncodedRecords, JournaledEvent } from '../core/event.ts';
import { PollStats } from '../core/observers.ts';
import type { Gap, LedgerValue, Observation, Page, Source, Span } from '../core/source.ts';
import type { FailedRule } from '../ecs/drop-rules.ts';
import { gapEvent } from '../ecs/own-events.ts';
import { type GapState, isKnownGap, type LedgerEntry, type LedgerWrite } from '../journal/collection.ts';
import type { PollContext } from './context.ts';
import { type Change, EventMaker, type PageOrigin } from './event-maker.ts';

/** A page as its source yielded it, and where and when it was read. */
export interface ReadPage extends PageOrigin, Pick<Page<unknown>, 'observations' | 'gaps' | 'deferred'> {}

/** What the journal holds of a page's stream. */
export interface Known {
  /** The entries of the page's keys. */
  readonly ledger: ReadonlyMap<string, LedgerEntry>;
  /** Emits what is known and unchanged once more, as if it were new. */
  readonly again?: boolean;
  readonly gaps: readonly GapState[];
  /**
   * Spans whose observations were emitted by others, so that they are skipped even when the ledger has forgotten them.
   */
  readonly covered: readonly Span[];
}

/** What a page adds to the journal. */
export interface BuiltPage {
  /** Encoded events: those of the page's observations in their order, then those of the new gaps. */
  readonly records: readonly EncodedRecords[];
  readonly ledger: readonly LedgerWrite[];
  /** The gaps of the page that were not known. */
  readonly newGaps: readonly Gap[];
  readonly stats: PollStats;
}

/**
 * Decides what of a page is new, and makes and encodes the events of it. Pure: the same page and the same knowledge give
 * the same bytes.
 */
export function buildPage(
  { config: source, encoder }: Pick<PollContext, 'config' | 'encoder'>,
  page: ReadPage,
  known: Known,
): BuiltPage {
  const { scope, observedAt } = page;
  const observations = skipCovered(page.observations, known.covered);
  const newGaps = (page.gaps ?? []).filter((gap) => !known.gaps.some((one) => isKnownGap(gap, one)));
  const stats = new PollStats();
  const ledger = new Map<string, LedgerWrite>();
  const emitting = { source, page, known, ledger, stats };
  function* events(): Generator<JournaledEvent> {
    yield* emitted(observations, emitting);
    for (const gap of newGaps) yield gapEvent({ config: source, scope, gap, observedAt });
  }
  // Each event is encoded as soon as it is made, so that those of a page are not in memory together.
  const records = encoder.encode(events(), observedAt);
  stats.rows = observations.length;
  stats.schemaChanged = stats.malformed * 2 > stats.rows;
  stats.gaps = newGaps.length;
  stats.deferred = page.deferred ?? 0;
  return { records, ledger: [...ledger.values()], newGaps, stats };
}

interface Emitting {
  readonly source: SourceConfig;
  readonly page: PageOrigin;
  readonly known: Pick<Known, 'ledger' | 'again'>;
  /** What the page adds to it, and to the numbers of the poll. */
  readonly ledger: Map<string, LedgerWrite>;
  readonly stats: PollStats;
}

/** The events of the observations that are new or changed. The ledger remembers also those that are dropped. */
function* emitted(
  observations: readonly Observation[],
  { source, page, known, ledger, stats }: Emitting,
): Generator<JournaledEvent> {
  const { stream } = source.definition;
  const maker = new EventMaker(source, page);
  for (const observation of observations) {
    const { key, at = page.observedAt } = observation;
    // A key may come twice in one page.
    const latest = ledger.get(key) ?? known.ledger.get(key);
    const change = decide(stream, observation, latest);
    const isAgain = known.again === true && change.outcome !== 'emitted' && !ledger.has(key);
    const before = isAgain ? undefined : latest;
    const decision = isAgain ? decide(stream, observation, before) : change;
    if (decision.outcome === 'repeated') {
      stats.repeated += 1;
      continue;
    }
    let uid = latest?.uid ?? '';
    if (decision.outcome === 'emitted') {
      const made = maker.make({ observation, before, change: decision, losses: stats });
      const { event, malformed, drop } = made;
      noteFailures(stats, made.failed);
      if (drop) stats.dropped += 1;
      else if (malformed) stats.malformed += 1;
      else if (before === undefined) stats.new += 1;
      else stats.updated += 1;
      // Only the id of an update depends on the event before it. An event that is repeated is not the latest.
      if (!isAgain) uid = stream === 'append-only' ? '' : event.uid;
      if (!drop) yield event;
    }
    ledger.set(key, { key, value: remembered(observation), uid, at });
  }
}

function noteFailures(stats: PollStats, failed: readonly FailedRule[] = []): void {
  stats.ruleFailures += failed.length;
  for (const { rule, reason } of failed) stats.failedRules.set(rule, reason);
}

/** An observation without a time of its own is never skipped. */
function skipCovered(observations: readonly Observation[], covered: readonly Span[]): readonly Observation[] {
  if (covered.length === 0) return observations;
  const isCovered = (at: number) => covered.some(({ from, to }) => from <= at && at < to);
  return observations.filter(({ at }) => at === undefined || !isCovered(at));
}

type Decision =
  /** Known and unchanged: nothing is emitted or written. */
  | { readonly outcome: 'repeated' }
  /** Unchanged in all that an earlier release compared: the ledger takes over the fields that are new to it. */
  | { readonly outcome: 'adopted' }
  | ({ readonly outcome: 'emitted' } & Change);

const REPEATED: Decision = { outcome: 'repeated' };

/** Whether and why an observation is emitted, given what the ledger knows of its key. */
export function decide(
  stream: Source['stream'],
  observation: Observation,
  known: LedgerEntry | undefined,
): Decision {
  if (stream === 'counter' && observation.value !== undefined) return count(observation, known?.value);
  if (known === undefined) return { outcome: 'emitted', reason: 'new', delta: 0 };
  if (stream === 'append-only' || observation.value === undefined) return REPEATED;
  return compare(observation.value, known.value);
}

function count({ value, final }: Observation, known: LedgerValue | undefined): Decision {
  const delta = Number(value?.['count']) - Number(known?.['count'] ?? 0);
  const closes = final === true && known?.['final'] !== true;
  if (known !== undefined && delta === 0 && !closes) return REPEATED;
  if (final === true) return { outcome: 'emitted', reason: 'final', delta };
  return { outcome: 'emitted', reason: known === undefined ? 'new' : 'updated', delta };
}

function compare(value: LedgerValue, known: LedgerValue): Decision {
  const names = Object.keys(value);
  if (names.some((name) => name in known && !isDeepStrictEqual(value[name], known[name]))) {
    return { outcome: 'emitted', reason: 'updated', delta: 0 };
  }
  return names.some((name) => !(name in known)) ? { outcome: 'adopted' } : REPEATED;
}

/**
 * What the ledger is to hold of an observation. A final counter stays final: a later change is a revision, and final
 * again.
 */
export function remembered({ value = {}, final }: Observation): LedgerValue {
  return final === true ? { ...value, final: true } : value;
}
