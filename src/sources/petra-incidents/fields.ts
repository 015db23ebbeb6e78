import type { FieldTable } from '../../core/fields.ts';

/** Fields of an incident that ECS does not define. Statuses are an open list. */
export const INCIDENT_FIELDS: FieldTable = {
  'petra.incident.id': 'keyword',
  'petra.incident.url': 'keyword',
  'petra.incident.created_at': 'date',
  'petra.incident.occurred_at': 'date',
  'petra.incident.remediation_status': 'keyword',
  'petra.incident.previous.remediation_status': 'keyword',
  'petra.incident.is_live': 'boolean',
  'petra.incident.dwell_time_minutes': 'double',
  'petra.incident.user.account_enabled': 'boolean',
  'petra.incident.user.last_password_change_date_time': 'date',
  'petra.incident.user.user_principal_name': 'keyword',
};
