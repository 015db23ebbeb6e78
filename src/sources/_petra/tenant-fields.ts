import type { EcsValue } from '../../core/event.ts';
import type { FieldTable } from '../../core/fields.ts';

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
