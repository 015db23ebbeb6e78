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
