import type { FieldTable } from '../../core/fields.ts';

/** Fields of a count of failed attacks that ECS does not define. Attack types are an open list. */
export const ATTACK_FIELDS: FieldTable = {
  'petra.failed_attacks.dimension': 'keyword',
  'petra.failed_attacks.attack_type': 'keyword',
  'petra.failed_attacks.count': 'long',
  'petra.failed_attacks.delta': 'long',
  'petra.failed_attacks.final': 'boolean',
  'petra.failed_attacks.user.job_title': 'keyword',
  'petra.failed_attacks.user.attack_origin_countries': 'keyword',
};
