import { compact, type EcsEvent } from '../../core/event.ts';
import { isoTime } from '../../ecs/time.ts';
import type { MappingContext } from '../../core/source.ts';
import { principalFields } from '../_petra/account.ts';
import { tenantFields } from '../_petra/tenant-fields.ts';
import { utc } from '../_petra/time.ts';
import { nanosecondsOfMinutes } from './duration.ts';
import type { Incident } from './record.ts';
import { severityOf } from './severity.ts';

/** An incident's creation, or an update of it with the status before. */
export function normalise(incident: Incident, { reason, observedAt, previous }: MappingContext): EcsEvent {
  const { tenant, user, remediationStatus: status, dwellTimeMinutes: dwell } = incident;
  const updated = reason === 'updated';
  const before = previous?.['remediationStatus'];
  const duration = typeof dwell === 'string' ? nanosecondsOfMinutes(dwell) : undefined;
  return compact({
    '@timestamp': updated ? isoTime(observedAt) : utc(incident.createdAt),
    message: sentence(incident, updated, before),
    'event.id': incident.id,
    // An alert for each update would open the case again.
    'event.kind': updated ? 'event' : 'alert',
    'event.action': updated ? 'incident-updated' : 'incident-created',
    'event.severity': severityOf(status),
    'event.start': utc(incident.occurredAt),
    'event.duration': duration === undefined ? undefined : Number(duration),
    'event.url': incident.url,
    ...tenantFields(tenant),
    'user.id': user?.id,
    ...principalFields(user?.userPrincipalName),
    'user.email': user?.mail,
    'user.full_name': user?.displayName,
    'related.user': [user?.userPrincipalName].filter((name) => typeof name === 'string'),
    'petra.incident.id': incident.id,
    'petra.incident.url': incident.url,
    'petra.incident.created_at': utc(incident.createdAt),
    'petra.incident.occurred_at': utc(incident.occurredAt),
    'petra.incident.remediation_status': status,
    'petra.incident.previous.remediation_status': updated && typeof before === 'string' ? before : undefined,
    'petra.incident.is_live': incident.isLive,
    'petra.incident.dwell_time_minutes': typeof dwell === 'string' ? Number(dwell) : undefined,
    'petra.incident.user.account_enabled': user?.accountEnabled,
    'petra.incident.user.last_password_change_date_time': utc(user?.lastPasswordChangeDateTime),
    'petra.incident.user.user_principal_name': user?.userPrincipalName,
  });
}

function sentence({ tenant, user, remediationStatus }: Incident, updated: boolean, before: unknown): string {
  const who =
    user?.userPrincipalName ?? user?.mail ?? user?.displayName ?? user?.id ?? 'an account that is gone';
  const where = tenant?.name ?? tenant?.petraTenantId ?? 'an unnamed tenant';
  const changed = updated && typeof before === 'string' && before !== remediationStatus;
  const now = remediationStatus ?? 'status unknown';
  const status = changed ? `${before} became ${now}` : now;
  return `Petra ${updated ? 'updated' : 'reported'} an incident of ${who} at ${where}: ${status}.`;
}
