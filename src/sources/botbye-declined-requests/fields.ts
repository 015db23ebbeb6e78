import type { FieldTable } from '../../core/fields.ts';

/** Fields of a count of declined requests that ECS does not define. */
export const DECLINED_FIELDS: FieldTable = {
  'botbye.account.id': 'keyword',
  'botbye.project.id': 'keyword',
  'botbye.declined_requests.dimension': 'keyword',
  'botbye.declined_requests.id': 'keyword',
  'botbye.declined_requests.count': 'long',
  'botbye.declined_requests.delta': 'long',
  'botbye.declined_requests.final': 'boolean',
  'botbye.declined_requests.interval.type': 'keyword',
  'botbye.declined_requests.interval.count': 'long',
  'botbye.declined_requests.read_until': 'date',
  'botbye.declined_requests.country': 'keyword',
};
