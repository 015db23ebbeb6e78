import type { EcsEvent } from '../core/event.ts';
import type { CommonOptions } from '../core/source.ts';
import type { Tenants } from './options.ts';
import type { SourceConfig } from './types.ts';

/** Where an event says whose it is: the vendor's tenant and Microsoft's, and the part of a gap. */
const TENANT_FIELDS = ['organization.id', 'cloud.account.id', 'penstock.gap.part'] as const;

type TenantSettings = Tenants['settings'][string];

/** What the configuration sets for the tenant of an event, by either of its ids; undefined where it sets nothing. */
export function tenantSettings(options: CommonOptions, event: EcsEvent): TenantSettings | undefined {
  const { tenants } = options as CommonOptions & { readonly tenants?: Tenants };
  if (tenants === undefined) return undefined;
  const ids = TENANT_FIELDS.map((field) => String(event[field]));
  const named = ids.find((id) => Object.hasOwn(tenants.settings, id));
  return named === undefined ? undefined : tenants.settings[named];
}

/** `data_stream.namespace` that an event's tenant or its source sets; undefined where neither does. */
export function namespaceOf({ options, namespace }: SourceConfig, event: EcsEvent): string | undefined {
  return tenantSettings(options, event)?.namespace ?? namespace;
}
