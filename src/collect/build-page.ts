import { isDeepStrictEqual } from 'node:util';
import { tenantSettings } from '../config/options.ts';
import type { SourceConfig } from '../config/types.ts';
import { explain } from '../core/errors.ts';
import type { EcsEvent, EncodedRecords, JournaledEvent, Lane } from '../core/event.ts';
import { PollStats } from '../core/observers.ts';
import { readRecord, Unreadable } from '../core/read-record.ts';
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
import { identityOf, type StreamNames } from '../core/stream-key.ts';
import { commonFields, completeEvent, malformedEvent, oddFields } from '../ecs/common.ts';
import { gapEvent } from '../ecs/own-events.ts';
import { countUid, creationUid, updateUid } from '../ecs/uid.ts';
import { type GapState, isKnownGap, type LedgerEntry, type LedgerWrite } from '../journal/collection.ts';
import type { PollContext } from './context.ts';

/** A page as its source yielded it, and where and when it was read. */
export interface ReadPage extends Pick<Page<unknown>, 'observations' | 'gaps' | 'deferred'> {
  readonly scope: Scope;
  readonly lane: Lane;
  /** When the page was read, by the vendor's clock, epoch ms. */
  readonly observedAt: number;
}

/** What the journal holds of a page's stream. */
export interface Known {
  /** The entries of the page's keys. Empty: everything is emitted as if it were new. */
  readonly ledger: ReadonlyMap<string, LedgerEntry>;
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
  function* events(): Generator<JournaledEvent> {
    yield* emitted(inCommon(source, page), observations, { known: known.ledger, ledger, stats });
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

/** What the ledger knew, and what the page adds to it and to the numbers of the poll. */
interface Account {
  readonly known: ReadonlyMap<string, LedgerEntry>;
  readonly ledger: Map<string, LedgerWrite>;
  readonly stats: PollStats;
}

/** The events of the observations that are new or changed; enters all of them into the account. */
function* emitted(
  common: InCommon,
  observations: readonly Observation[],
  { known, ledger, stats }: Account,
): Generator<JournaledEvent> {
  const { stream } = common.source.definition;
  for (const observation of observations) {
    const { key, at = common.page.observedAt } = observation;
    // A key may come twice in one page.
    const before = ledger.get(key) ?? known.get(key);
    const decision = decide(stream, observation, before);
    if (decision.outcome === 'repeated') {
      stats.repeated += 1;
      continue;
    }
    let uid = before?.uid ?? '';
    if (decision.outcome === 'emitted') {
      const { event, malformed } = eventOf(common, { observation, before, decision });
      if (malformed) stats.malformed += 1;
      else if (before === undefined) stats.new += 1;
      else stats.updated += 1;
      // Only the id of an update depends on the event before it.
      uid = stream === 'append-only' ? '' : event.uid;
      yield event;
    }
    ledger.set(key, { key, value: remembered(observation), uid, at });
  }
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
  | { readonly outcome: 'emitted'; readonly reason: MappingContext['reason']; readonly delta: number };

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

/** What is the same for all events of a page. */
interface InCommon {
  readonly source: SourceConfig;
  readonly page: ReadPage;
  readonly stream: StreamNames;
  readonly fields: EcsEvent;
}

function inCommon(source: SourceConfig, page: ReadPage): InCommon {
  return {
    source,
    page,
    stream: { ...identityOf(source), scope: page.scope.id },
    fields: commonFields(source.definition, { observedAt: page.observedAt, source }),
  };
}

interface Emission {
  readonly observation: Observation;
  /** What the ledger knew; undefined for an unknown key. */
  readonly before: LedgerEntry | undefined;
  readonly decision: Extract<Decision, { outcome: 'emitted' }>;
}

function eventOf(common: InCommon, emission: Emission): { event: JournaledEvent; malformed: boolean } {
  const { source, page, fields } = common;
  const uid = uidOf(common, emission);
  const { mapped, malformed } = map(source, page, emission);
  const event = completeEvent(mapped, fields, { uid, labels: labelsOf(common, mapped) });
  return { event: { uid, event }, malformed };
}

/** Labels of the source, of the event's tenant, and of a backfill; a later one of the same name counts. */
function labelsOf({ source, page }: InCommon, mapped: EcsEvent): Readonly<Record<string, string>> {
  const { labels } = source.options;
  const own = tenantSettings(source.options, mapped)?.labels;
  if (own === undefined && page.lane !== 'backfill') return labels;
  return { ...labels, ...own, ...(page.lane === 'backfill' && { penstock_lane: page.lane }) };
}

/**
 * Maps a record to ECS. A value that does not fit its schema is left out, and the event has the whole record. A record
 * that lacks a required value, or that the mapping throws on, becomes a `pipeline_error` with the record in it: nothing
 * is dropped.
 */
function map(
  { definition }: SourceConfig,
  { scope, observedAt }: ReadPage,
  { observation, before, decision: { reason, delta } }: Emission,
): { mapped: EcsEvent; malformed: boolean } {
  const original = 'original' in observation ? observation.original : observation.record;
  const failed = (problem: string) => ({ mapped: malformedEvent(original, problem), malformed: true });
  if (original instanceof Unreadable) return failed(original.problem);
  const reading = readRecord(definition.record, observation.record);
  if ('problem' in reading) return failed(reading.problem);
  const context: MappingContext = { scope, observedAt, reason, previous: before?.value, delta };
  try {
    const mapped = definition.normalise(reading.data, context);
    if (reading.leftOut === undefined) return { mapped, malformed: false };
    return { mapped: { ...mapped, ...oddFields(original, reading.leftOut) }, malformed: false };
  } catch (error) {
    return failed(`the mapping failed: ${explain(error)}`);
  }
}

function uidOf({ source, stream }: InCommon, { observation, before, decision }: Emission): string {
  const { key, value = {} } = observation;
  if (source.definition.stream === 'counter' && observation.value !== undefined) {
    const current = Number(value['count']);
    const final = decision.reason === 'final';
    const base = current - decision.delta;
    return countUid(stream, key, { count: current, base, final, previous: before?.uid ?? '' });
  }
  if (before === undefined) return creationUid(stream, key);
  return updateUid(stream, key, { changed: changedValues(value, before.value), previous: before.uid });
}

function changedValues(value: LedgerValue, before: LedgerValue): LedgerValue {
  return Object.fromEntries(
    Object.entries(value).filter(([name, now]) => !isDeepStrictEqual(now, before[name])),
  );
}
