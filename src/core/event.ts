/** A value of one ECS field. Arrays are arrays even for one value; exact integers beyond 2^53 are strings. */
export type EcsValue = string | number | boolean | readonly string[] | readonly number[];

/**
 * One ECS document, flat: dotted field name → value, `@timestamp` (ISO 8601, UTC) among them.
 * It never holds both a field and its child, so it can be nested.
 */
export type EcsEvent = Readonly<Record<string, EcsValue>>;

/** Which queue an event is in: what is polled now, or what a backfill reads. */
export type Lane = 'live' | 'backfill';

/** The ECS version that mappings are written and checked against (`@elastic/ecs` of the same minor). */
export const ECS_VERSION = '9.4.0';

/** A finished event, with the id that every repeat of it carries. */
export interface JournaledEvent {
  /** Sent as `log.record.uid`; a hash of source type, vendor scope and key. */
  readonly uid: string;
  readonly event: EcsEvent;
}

/**
 * Log records of one dataset in protobuf, each as it appears in OTLP's `ScopeLogs.log_records` (tag 0x12, length,
 * LogRecord), one after another.
 */
export interface EncodedRecords {
  readonly dataset: string;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Leaves out undefined, null, empty strings and empty arrays, so that a mapping can list every field. */
export function compact(fields: Readonly<Record<string, EcsValue | null | undefined>>): EcsEvent {
  const kept: Record<string, EcsValue> = {};
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value !== undefined && value !== null && !isEmpty(value)) kept[name] = value;
  }
  return kept;
}

function isEmpty(value: EcsValue): boolean {
  return value === '' || (Array.isArray(value) && value.length === 0);
}

interface Nested {
  [key: string]: EcsValue | Nested;
}

/** The document as a nested object, as `preview --json` prints it. */
export function nest(event: EcsEvent): Nested {
  const root = emptyObject();
  for (const [name, value] of Object.entries(event)) {
    const path = name.split('.');
    const leaf = path.pop() ?? name;
    let node = root;
    for (const step of path) node = (node[step] ??= emptyObject()) as Nested;
    node[leaf] = value;
  }
  return root;
}

/** Without what every object has: a vendor's name may be `constructor` or `__proto__`. */
function emptyObject(): Nested {
  return Object.create(null) as Nested;
}

/** The type in which a store keeps a field, by Elasticsearch's names. */
export type FieldType = 'keyword' | 'long' | 'double' | 'boolean' | 'date';

/** Types of fields that ECS does not define, by their flat name. A field's type MUST NOT change, in any version. */
export type FieldTable = Readonly<Record<string, FieldType>>;

/** Fields of Penstock's own events (gaps, health). */
export const PENSTOCK_FIELDS: FieldTable = {
  'penstock.gap.source': 'keyword',
  'penstock.gap.stream': 'keyword',
  'penstock.gap.part': 'keyword',
  'penstock.gap.from': 'date',
  'penstock.gap.to': 'date',
  'penstock.gap.reason': 'keyword',
  'penstock.health.source': 'keyword',
  'penstock.health.status': 'keyword',
  'penstock.health.reasons': 'keyword',
  'penstock.health.streams': 'long',
  'penstock.health.last_complete': 'date',
  'penstock.health.owed': 'long',
  'penstock.health.gaps_open': 'long',
  'penstock.health.journal.events': 'long',
  'penstock.health.journal.bytes': 'long',
  'penstock.health.journal.age_seconds': 'long',
};
