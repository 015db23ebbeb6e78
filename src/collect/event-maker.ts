import { isDeepStrictEqual } from 'node:util';
import { ROUTING_FIELDS, tenantSettings } from '../config/options.ts';
import type { SourceConfig } from '../config/types.ts';
import { explain } from '../core/errors.ts';
import type { EcsEvent, JournaledEvent, Lane } from '../core/event.ts';
import { readRecord, Unreadable } from '../core/read-record.ts';
import type { LedgerValue, MappingContext, MappingLosses, Observation, Scope } from '../core/source.ts';
import { identityOf, type StreamNames } from '../core/stream-key.ts';
import { toJson } from '../core/json.ts';
import { commonFields, completeEvent, malformedEvent, oddFields } from '../ecs/common.ts';
import { countUid, creationUid, updateUid } from '../ecs/uid.ts';
import type { Verdict } from '../ecs/drop-rules.ts';
import type { LedgerEntry } from '../journal/collection.ts';

/** Where and when a page was read. */
export interface PageOrigin {
  readonly scope: Scope;
  readonly lane: Lane;
  /** When the page was read, by the vendor's clock, epoch ms. */
  readonly observedAt: number;
}

/** Why a record is emitted, and by how much its count grew. */
export type Change = Pick<MappingContext, 'reason' | 'delta'>;

/** A record that becomes an event. */
export interface Emission {
  readonly observation: Observation;
  /** What the ledger knew; undefined for an unknown key. */
  readonly before: LedgerEntry | undefined;
  readonly change: Change;
  /** Undefined: nobody counts. */
  readonly losses?: MappingLosses | undefined;
}

/** An event and what becomes of it. */
interface Made extends Partial<Pick<Verdict, 'failed'>> {
  readonly event: JournaledEvent;
  /** It is a `pipeline_error`. */
  readonly malformed: boolean;
  /** It is not to be stored. */
  readonly drop: boolean;
}

/** Makes the events of one page. What they have in common is made once. */
export class EventMaker {
  readonly #source: SourceConfig;
  readonly #page: PageOrigin;
  readonly #stream: StreamNames;
  readonly #common: EcsEvent;

  constructor(source: SourceConfig, page: PageOrigin) {
    this.#source = source;
    this.#page = page;
    this.#stream = { ...identityOf(source), scope: page.scope.id };
    this.#common = commonFields(source.definition, { observedAt: page.observedAt, source });
  }

  /** The finished event, after the source's `shape`. */
  make(emission: Emission): Made {
    const uid = this.#uidOf(emission);
    const { mapped, malformed } = this.#map(emission);
    const event = completeEvent(mapped, this.#common, { uid, labels: this.#labelsOf(mapped) });
    const { shape } = this.#source;
    if (shape === undefined) return { event: { uid, event }, malformed, drop: false };
    if (malformed) {
      const attempt = shape.redacts ? this.#attempt(emission) : undefined;
      return { event: { uid, event: shape.redact(event, uid, attempt) }, malformed, drop: false };
    }
    const original = shape.original && { 'event.original': originalOf(emission.observation) };
    const verdict = shape.judge(event);
    const shaped = verdict.drop ? event : shape.redact({ ...original, ...event }, uid);
    return { event: { uid, event: shaped }, malformed, ...verdict };
  }

  /** What the mapping makes of a malformed record; undefined when it fails. */
  #attempt(emission: Emission): EcsEvent | undefined {
    const context = this.#contextOf({ ...emission, losses: undefined });
    try {
      return this.#source.definition.normalise(emission.observation.record, context);
    } catch {
      // Nothing is known of the record then.
      return undefined;
    }
  }

  /** Whose record a malformed one is, where that can be told: other tenants' destinations must not receive it. */
  #tenantOf(emission: Emission): EcsEvent {
    const attempt = this.#attempt(emission) ?? {};
    return Object.fromEntries(
      ROUTING_FIELDS.flatMap((field) => {
        const id = attempt[field];
        return typeof id === 'string' && id !== '' ? [[field, id]] : [];
      }),
    );
  }

  #contextOf({ before, change: { reason, delta }, losses }: Emission): MappingContext {
    const { scope, observedAt } = this.#page;
    return { scope, observedAt, reason, previous: before?.value, delta, losses };
  }

  /** Labels of the source, of the event's tenant, and of a backfill; a later one of the same name counts. */
  #labelsOf(mapped: EcsEvent): Readonly<Record<string, string>> {
    const { options } = this.#source;
    const { lane } = this.#page;
    const ofTenant = tenantSettings(options, mapped)?.labels;
    if (ofTenant === undefined && lane !== 'backfill') return options.labels;
    return { ...options.labels, ...ofTenant, ...(lane === 'backfill' && { penstock_lane: lane }) };
  }

  /**
   * Maps a record to ECS. A value that does not fit its schema is left out, and the event has the whole record. A record
   * that lacks a required value, or that the mapping throws on, becomes a `pipeline_error` with the record in it: nothing
   * is dropped.
   */
  #map(emission: Emission): { mapped: EcsEvent; malformed: boolean } {
    const { definition } = this.#source;
    const { observation, losses } = emission;
    const original = rawOf(observation);
    const failed = (problem: string) => ({
      mapped: { ...malformedEvent(original, problem), ...this.#tenantOf(emission) },
      malformed: true,
    });
    if (original instanceof Unreadable) return failed(original.problem);
    const reading = readRecord(definition.record, observation.record);
    if ('problem' in reading) return failed(reading.problem);
    try {
      const mapped = definition.normalise(reading.data, this.#contextOf(emission));
      if (reading.leftOut === undefined) return { mapped, malformed: false };
      losses?.leftOut(reading.leftOutCount);
      return { mapped: { ...mapped, ...oddFields(original, reading.leftOut) }, malformed: false };
    } catch (error) {
      return failed(`the mapping failed: ${explain(error)}`);
    }
  }

  #uidOf({ observation, before, change }: Emission): string {
    const { key, value = {} } = observation;
    const stream = this.#stream;
    if (this.#source.definition.stream === 'counter' && observation.value !== undefined) {
      const current = Number(value['count']);
      const final = change.reason === 'final';
      const base = current - change.delta;
      return countUid(stream, key, { count: current, base, final, previous: before?.uid ?? '' });
    }
    if (before === undefined) return creationUid(stream, key);
    return updateUid(stream, key, { changed: changedValues(value, before.value), previous: before.uid });
  }
}

/** What the vendor sent. */
function rawOf(observation: Observation): unknown {
  return 'original' in observation ? observation.original : observation.record;
}

function originalOf(observation: Observation): string {
  const raw = rawOf(observation);
  return raw instanceof Unreadable ? raw.text : toJson(raw);
}

function changedValues(value: LedgerValue, before: LedgerValue): LedgerValue {
  return Object.fromEntries(
    Object.entries(value).filter(([name, now]) => !isDeepStrictEqual(now, before[name])),
  );
}
