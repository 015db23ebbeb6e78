import { DateTime } from 'luxon';
import type { AttackReport, PetraAttacks } from './petra-attacks.ts';
import type { PetraIncidents, SimulatedIncident } from './petra-incidents.ts';
import type { PetraTenants } from './petra-tenants.ts';
import type { SimulatedAnswer, SimulatedRequest } from './server.ts';

const DAY = 86_400_000;

/** `GET /v1/tenants` */
export function answerTenants(tenants: PetraTenants): SimulatedAnswer {
  return ok({ totalTenants: tenants.all.length, tenants: tenants.all });
}

/** `GET /v1/incidents` */
export function answerIncidents(
  { query, at }: SimulatedRequest,
  tenants: PetraTenants,
  incidents: PetraIncidents,
): SimulatedAnswer {
  const tenantId = query.get('tenantId');
  const tenant = tenantId === null ? undefined : tenants.find(tenantId);
  if (tenantId !== null && tenant === undefined) return unknownTenant();
  const status = tenants.failing.get(tenant?.petraTenantId ?? '');
  if (status !== undefined) return failure(status, 'TENANT_UNAVAILABLE', 'The tenant cannot be read now');
  const from = query.has('startDate') ? instant(query.get('startDate')) : 0;
  // The document knows no 400 for this route.
  if (from === undefined) return failure(500, 'INTERNAL_SERVER_ERROR', 'An unexpected error occurred');
  const limit = Math.min(500, Math.max(1, Number(query.get('limit') ?? 100) || 100));
  const rows = incidents.list({ tenantId: tenant?.petraTenantId, from, limit });
  return ok({ incidents: rows.map((incident) => toRow(incident, at)) });
}

interface Counting {
  readonly attacks: PetraAttacks;
  /** Hears what is answered. */
  readonly note: (shown: { tenantId: string; from: number; report: AttackReport }) => void;
}

/** `GET /v1/failed-attacks` */
export function answerAttacks(
  { query, at }: SimulatedRequest,
  tenants: PetraTenants,
  { attacks, note }: Counting,
): SimulatedAnswer {
  const to = query.has('endDate') ? instant(query.get('endDate')) : at;
  const from = query.has('startDate') ? instant(query.get('startDate')) : (to ?? at) - 30 * DAY;
  if (from === undefined || to === undefined || from > to) {
    return failure(400, 'BAD_REQUEST', 'Invalid startDate or endDate');
  }
  const tenant = tenants.find(query.get('tenantId') ?? '');
  if (tenant === undefined) return unknownTenant();
  const status = tenants.failing.get(tenant.petraTenantId);
  if (status !== undefined) return failure(status, 'TENANT_UNAVAILABLE', 'The tenant cannot be read now');
  const { petraTenantId, name, microsoftTenantId } = tenant;
  const report = attacks.report(tenant, { from, to });
  note({ tenantId: petraTenantId, from, report });
  return ok({
    dateRange: { startDate: new Date(from).toISOString(), endDate: new Date(to).toISOString() },
    tenant: { petraTenantId, name, microsoftTenantId },
    ...report,
  });
}

/** A date or a date-time, UTC where it names no zone; undefined when it is neither. */
function instant(text: string | null): number | undefined {
  const time = DateTime.fromISO(text ?? '', { zone: 'utc' });
  return time.isValid ? time.toMillis() : undefined;
}

/** The incident as the vendor shows it at `at`. */
function toRow({ tenant, user, states, ...incident }: SimulatedIncident, at: number) {
  const state = states.findLast(({ from }) => from <= at) ?? states[0];
  const { petraTenantId, name, microsoftTenantId } = tenant;
  return {
    id: incident.id,
    url: `https://app.petrasecurity.com/tenant/${petraTenantId}/incidents/${incident.id}`,
    createdAt: new Date(incident.createdAt).toISOString(),
    occurredAt: new Date(incident.occurredAt).toISOString(),
    remediationStatus: state?.remediationStatus,
    isLive: incident.isLive,
    dwellTimeMinutes: incident.dwellTimeMinutes,
    tenant: { petraTenantId, name, microsoftTenantId },
    user: user && {
      ...user,
      accountEnabled: state?.accountEnabled,
      lastPasswordChangeDateTime: state?.lastPasswordChangeDateTime,
    },
  };
}

function ok(body: unknown): SimulatedAnswer {
  return { status: 200, body };
}

/** Errors are `{ error: { code, message } }`. */
export function failure(status: number, code: string, message: string): SimulatedAnswer {
  return { status, body: { error: { code, message } } };
}

function unknownTenant(): SimulatedAnswer {
  return failure(404, 'NOT_FOUND', 'The specified tenant was not found in your organization');
}
