/** How a store is to type a field, in Elasticsearch's words. */
export type FieldType = 'keyword' | 'long' | 'double' | 'boolean' | 'date';

/** Fields that ECS does not define, by their flat name. A name never changes its type, in no version. */
export type FieldTable = Readonly<Record<string, FieldType>>;

/** Fields of events that Penstock tells of itself. */
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
