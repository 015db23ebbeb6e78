import { DateTime } from 'luxon';
import * as z from 'zod';
import type { EcsValue, FieldTable } from '../../core/event.ts';
import { isTimestamp } from '../../ecs/common.ts';

/** A tenant in a record. An answer need not name it. */
export const tenant = z.looseObject({
  petraTenantId: z.string().nullish(),
  name: z.string().nullish(),
  microsoftTenantId: z.string().nullish(),
});

type Tenant = z.output<typeof tenant>;

/** Petra's tenant is the organisation, and Microsoft's the cloud account; both are also under Petra's own names. */
export function tenantFields(
  named: Tenant | null | undefined,
): Readonly<Record<string, EcsValue | null | undefined>> {
  return {
    'organization.id': named?.petraTenantId,
    'organization.name': named?.name,
    'cloud.account.id': named?.microsoftTenantId,
    'petra.tenant.id': named?.petraTenantId,
    'petra.tenant.name': named?.name,
    'petra.tenant.microsoft_tenant_id': named?.microsoftTenantId,
  };
}

/** Those of them that ECS does not define. */
export const TENANT_FIELDS: FieldTable = {
  'petra.tenant.id': 'keyword',
  'petra.tenant.name': 'keyword',
  'petra.tenant.microsoft_tenant_id': 'keyword',
};

/** `user.name` and `user.domain` of a user principal name. */
export function principalFields(
  userPrincipalName: string | null | undefined,
): Readonly<Record<string, EcsValue | undefined>> {
  if (typeof userPrincipalName !== 'string') return {};
  const at = userPrincipalName.lastIndexOf('@');
  return {
    'user.name': at < 0 ? userPrincipalName : userPrincipalName.slice(0, at),
    'user.domain': at < 0 ? undefined : userPrincipalName.slice(at + 1),
  };
}

/** Epoch ms of an ISO 8601 date or date-time, UTC when it names no zone; undefined when an event cannot carry it. */
export function parseTime(text: string): number | undefined {
  const time = DateTime.fromISO(text, { zone: 'utc' });
  return time.isValid && isTimestamp(time.toMillis()) ? time.toMillis() : undefined;
}

/** The same time in UTC with milliseconds; undefined when an event cannot carry it. */
export function utc(text: string | null | undefined): string | undefined {
  const time = typeof text === 'string' ? parseTime(text) : undefined;
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** A time that a record needs, as the vendor wrote it. */
export const vendorTime = z
  .string()
  .refine((text) => parseTime(text) !== undefined, 'expected an ISO 8601 time');

/** A time that an event can do without: Microsoft writes `0001-01-01` for "never", which no event can carry. */
export const anyTime = z
  .string()
  .refine((text) => DateTime.fromISO(text, { zone: 'utc' }).isValid, 'expected an ISO 8601 time');
