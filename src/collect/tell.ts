import { isDeepStrictEqual } from 'node:util';
import { identityOf, type StreamNames } from '../core/stream-key.ts';
import { tenantSettings } from '../config/tenant-settings.ts';
import type { SourceConfig } from '../config/types.ts';
import { malformedEvent, oddFields, withCommonFields } from '../ecs/common.ts';
import type { EcsEvent, JournaledEvent } from '../core/event.ts';
import { countUid, creationUid, updateUid } from '../ecs/uid.ts';
import { explain } from '../core/errors.ts';
import type { Lane, LedgerEntry } from '../journal/journal.ts';
import type { LedgerValue, Observation, Scope, MappingContext } from '../core/source.ts';
import { readRecord, Unreadable } from '../core/read-record.ts';
import type { Decision } from './decide.ts';

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
