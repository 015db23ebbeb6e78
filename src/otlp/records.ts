import {
  type AnyValue,
  type Attributes,
  type HrTime,
  type LogRecord,
  ROOT_CONTEXT,
  SeverityNumber,
} from '@opentelemetry/api';
import type { DestinationConfig } from '../config/types.ts';
import { type EcsEvent, type EcsValue, type JournaledEvent, nest } from '../core/event.ts';
import { toJson } from '../core/json.ts';

/** How a destination wants its records. */
export interface Shaping {
  readonly profile: DestinationConfig['profile'];
  /** `data_stream.namespace` of an event, by its source's name; undefined: `default`. */
  readonly namespaceOf: (source: string, event: EcsEvent) => string | undefined;
}

/** What a record takes from the journal page that it was committed with. */
export interface PageContext {
  /** The source's name. */
  readonly source: string;
  readonly dataset: string;
  /** Epoch ms. */
  readonly observedAt: number;
}

/**
 * A journaled event as the argument of `Logger.emit`. A pure function of what is journaled and configured, so that a
 * repeat after a restart or an upgrade is byte for byte the same.
 */
export function toLogRecord({ uid, event }: JournaledEvent, page: PageContext, shaping: Shaping): LogRecord {
  const profile = PROFILES[shaping.profile];
  const safe = makeSafe(event);
  const observed = hrTimeOf(safe['event.created']) ?? hrTimeOfMillis(page.observedAt);
  const dataset = datasetOf(event, page);
  const namespace = shaping.namespaceOf(page.source, event) ?? 'default';
  return {
    timestamp: hrTimeOf(safe['@timestamp']) ?? observed,
    observedTimestamp: observed,
    ...(profile.severity ? severityOf(safe) : {}),
    ...profile.shape({ uid, event: safe, dataset, namespace }),
    // Without it the SDK would take the trace that happens to be active, and a repeat would differ.
    context: ROOT_CONTEXT,
  };
}

/** An event's own dataset, else its page's: a gap between a source's events is of `penstock.gaps`. */
export function datasetOf(event: EcsEvent, page: Pick<PageContext, 'dataset'>): string {
  const own = event['event.dataset'];
  return typeof own === 'string' && own !== '' ? own : page.dataset;
}

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,9})\d*)?(?:Z|[+-]\d{2}:\d{2})$/;

/** OTLP counts nanoseconds since 1970 in 64 bits without sign: the last whole second that fits (July 2554). */
const LAST_SECOND = 18_446_744_073;

/**
 * An ISO 8601 time as [seconds, nanoseconds] since the epoch, with every digit of the text: the milliseconds that the
 * SDK would take lose digits of a vendor's time. Times that OTLP cannot express become its first or last. Undefined
 * when the text is not such a time.
 */
export function hrTimeOf(text: unknown): HrTime | undefined {
  const match = typeof text === 'string' ? ISO.exec(text) : null;
  if (match === null) return undefined;
  const [whole, fraction = ''] = match;
  const seconds = Math.floor(Date.parse(whole) / 1000);
  if (Number.isNaN(seconds)) return undefined;
  if (seconds < 0) return [0, 0];
  if (seconds >= LAST_SECOND) return [LAST_SECOND, 0];
  return [seconds, Number(fraction.padEnd(9, '0'))];
}

function hrTimeOfMillis(millis: number): HrTime {
  return [Math.floor(millis / 1000), (millis % 1000) * 1e6];
}

/**
 * Makes every value of an event one that the exporters carry unchanged. They lose BigInt and Date, send whole numbers
 * that do not fit into a 64-bit integer as one all the same, and NaN as a `doubleValue: null`; for both, receivers
 * reject the whole request. Such integers become strings; null and NaN are left out. A double beyond 2^53 that fits
 * stays a number, so that a path keeps its type (`event.duration`).
 */
export function makeSafe(event: EcsEvent): EcsEvent {
  const entries = Object.entries<AnyValue>(event);
  if (entries.every(([name, value]) => name.isWellFormed() && isSafe(value))) return event;
  const safe: Record<string, EcsValue> = {};
  for (const [name, value] of entries) {
    const made = Array.isArray(value) ? safeArray(value) : safeScalar(value);
    if (name !== '' && made !== undefined) safe[name.toWellFormed()] = made;
  }
  return safe;
}

/** Doubles from here on do not fit into a 64-bit integer. */
const INT64_END = 2 ** 63;

/** True for nearly every value, so that nothing is copied. */
function isSafe(value: AnyValue): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value === 'number') return safeNumber(value) === value;
  if (typeof value === 'boolean') return true;
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => typeof item === 'string' && item.isWellFormed())
  );
}

/** An array keeps one type: with a string among its elements, all of them become strings. */
function safeArray(values: readonly AnyValue[]): EcsValue | undefined {
  const safe = values.map(safeScalar).filter((value) => value !== undefined);
  if (safe.length === 0) return undefined;
  const mixed = safe.some((value) => typeof value !== typeof safe[0]);
  return mixed ? safe.map(String) : (safe as string[] | number[]);
}

function safeScalar(value: AnyValue): string | number | boolean | undefined {
  // A lone surrogate has no form in UTF-8: each encoding would replace it differently.
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return safeNumber(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'object' && value !== null ? safeObject(value) : undefined;
}

function safeNumber(value: number): number | string | undefined {
  if (!Number.isFinite(value)) return undefined;
  return Number.isInteger(value) && Math.abs(value) >= INT64_END ? String(BigInt(value)) : value;
}

function safeObject(value: object): string {
  return value instanceof Date ? value.toISOString() : toJson(value).toWellFormed();
}

/** What a profile makes a record of. */
interface Shaped {
  readonly uid: string;
  /** As `makeSafe` returns it. */
  readonly event: EcsEvent;
  readonly dataset: string;
  readonly namespace: string;
}

interface Content {
  readonly body: AnyValue;
  readonly attributes: Attributes;
}

/** The shape of the records that a destination gets. */
export interface Profile {
  /** Attributes of the instrumentation scope, where the Elasticsearch exporter reads its mapping mode. */
  readonly scope: Attributes;
  /** False: severity is not set, because the receiver would write it over `event.severity` and `log.level`. */
  readonly severity: boolean;
  shape(record: Shaped): Content;
}

export const PROFILES: Readonly<Record<DestinationConfig['profile'], Profile>> = {
  attributes: {
    scope: {},
    severity: true,
    shape: ({ uid, event }) => ({ body: sentence(event), attributes: fields(event, identity(uid)) }),
  },
  'elastic-ecs': {
    scope: { 'elastic.mapping.mode': 'ecs' },
    severity: false,
    shape: (record) => ({
      body: sentence(record.event),
      attributes: fields(record.event, { ...routing(record), ...elasticIdentity(record.uid) }),
    }),
  },
  'elastic-bodymap': {
    scope: { 'elastic.mapping.mode': 'bodymap' },
    severity: true,
    shape: (record) => ({
      body: nest({ ...record.event, ...routing(record) }),
      attributes: { ...routing(record), ...elasticIdentity(record.uid) },
    }),
  },
  'json-body': {
    scope: {},
    severity: true,
    shape: ({ uid, event }) => ({
      body: toJson(nest(event)),
      attributes: { ...pick(event, INDEXED), ...identity(uid) },
    }),
  },
};

/** What a receiver that gets the whole event as text can still search by. */
const INDEXED = ['event.kind', 'event.category', 'event.type', 'event.action', 'event.dataset'] as const;

/** INFO, and WARN for alerts. A vendor's own severity is in `event.severity`; it is not a log level. */
export function severityOf(event: EcsEvent): { severityNumber: SeverityNumber; severityText: string } {
  return event['event.kind'] === 'alert'
    ? { severityNumber: SeverityNumber.WARN, severityText: 'WARN' }
    : { severityNumber: SeverityNumber.INFO, severityText: 'INFO' };
}

/** Never empty, because Splunk drops a record without a body. */
function sentence(event: EcsEvent): string {
  const candidates = [event['message'], event['event.action'], event['event.dataset']];
  return candidates.find((text) => typeof text === 'string' && text !== '')?.toString() ?? 'event';
}

/** All fields but those that the record carries elsewhere (`@timestamp` is its Timestamp, `message` its Body), and `more`. */
function fields(event: EcsEvent, more: Attributes): Attributes {
  // A spread keeps the hidden class of the page's events, which is fifteen times cheaper than a copy field by field.
  // The SDK drops undefined values.
  return { ...event, '@timestamp': undefined, message: undefined, ...more };
}

function identity(uid: string): Attributes {
  return { 'log.record.uid': uid };
}

function elasticIdentity(uid: string): Attributes {
  return { ...identity(uid), 'elasticsearch.document_id': uid };
}

/** Names the data stream `logs-<dataset>-<namespace>`. */
function routing({ dataset, namespace }: Shaped) {
  return {
    'data_stream.type': 'logs',
    'data_stream.dataset': dataset,
    'data_stream.namespace': namespace,
  };
}

function pick(event: EcsEvent, names: readonly string[]): Attributes {
  return Object.fromEntries(
    names.flatMap((name) => (name in event ? [[name, event[name]]] : [])),
  ) as Attributes;
}
