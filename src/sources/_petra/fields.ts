import { DateTime } from 'luxon';
import { z } from 'zod';
import type { EcsValue } from '../../core/event.ts';
import type { FieldTable } from '../../core/fields.ts';
import { isTimestamp } from '../../ecs/time.ts';

/** A tenant as rows name it. */
export interface NamedTenant {
  readonly petraTenantId?: string | null | undefined;
  readonly name?: string | null | undefined;
  readonly microsoftTenantId?: string | null | undefined;
}

/** Petra's tenant is the organisation, Microsoft's is the cloud account; both under Petra's own name, too. */
export function tenantFields(
  tenant: NamedTenant | null | undefined,
): Readonly<Record<string, EcsValue | null | undefined>> {
  return {
    'organization.id': tenant?.petraTenantId,
    'organization.name': tenant?.name,
    'cloud.account.id': tenant?.microsoftTenantId,
    'petra.tenant.id': tenant?.petraTenantId,
    'petra.tenant.name': tenant?.name,
    'petra.tenant.microsoft_tenant_id': tenant?.microsoftTenantId,
  };
}

/** Those of them that ECS does not define. */
export const TENANT_FIELDS: FieldTable = {
  'petra.tenant.id': 'keyword',
  'petra.tenant.name': 'keyword',
  'petra.tenant.microsoft_tenant_id': 'keyword',
};

/** A user principal name, split as ECS has it: `user.name` and `user.domain`. */
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

/** Epoch milliseconds of an ISO 8601 date or date-time, UTC where it names no zone; undefined when it is none. */
export function parseTime(text: string): number | undefined {
  const time = DateTime.fromISO(text, { zone: 'utc' });
  return time.isValid && isTimestamp(time.toMillis()) ? time.toMillis() : undefined;
}

/** ISO 8601 in UTC with milliseconds; undefined for a text that is no time an event can carry. */
export function utc(text: string | null | undefined): string | undefined {
  const time = typeof text === 'string' ? parseTime(text) : undefined;
  return time === undefined ? undefined : new Date(time).toISOString();
}

/** A time in a record, kept as the vendor wrote it. */
export const vendorTime = z
  .string()
  .refine((text) => parseTime(text) !== undefined, 'expected an ISO 8601 time');

/** One that an event can do without: Microsoft says `0001-01-01` for never, which no event can carry. */
export const anyTime = z
  .string()
  .refine((text) => DateTime.fromISO(text, { zone: 'utc' }).isValid, 'expected an ISO 8601 time');

/** A time in a cursor: ISO 8601 in the state, for people, and epoch milliseconds in the code. */
export const instant = z.codec(z.iso.datetime(), z.int(), {
  decode: (text) => Date.parse(text),
  encode: (ms) => new Date(ms).toISOString(),
});

/** A half-open span of time in a cursor. */
export const span = z.object({ from: instant, to: instant });
