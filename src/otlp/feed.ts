import type { Lane } from '../core/event.ts';

/** How Penstock names itself to a receiver. It survives restarts and upgrades, so it holds no version and no host name. */
export interface ServiceIdentity {
  /** `OTEL_SERVICE_NAME`. Undefined: the `service.name` of `resource`, else `penstock`. */
  readonly serviceName: string | undefined;
  /** `OTEL_RESOURCE_ATTRIBUTES`, as the operator set them. */
  readonly resource: Readonly<Record<string, string>>;
}

/** The feed that a record belongs to. Each feed has its own Resource. */
export interface Feed {
  readonly dataset: string;
  readonly lane: Lane;
}

/** Name of the instrumentation scope. The scope has no version: a repeat after an upgrade must be the same bytes. */
export const SCOPE = 'penstock';

/** A key that is the same for records of one feed only. */
export function feedKey({ dataset, lane }: Feed): string {
  return `${lane} ${dataset}`;
}

/** The attributes of a feed's Resource. Backfill has its own namespace, so that Loki never rejects it as older than live data. */
export function resourceOf(
  { serviceName, resource }: ServiceIdentity,
  { dataset, lane }: Feed,
): Readonly<Record<string, string>> {
  return {
    ...resource,
    'service.name': serviceName ?? resource['service.name'] ?? 'penstock',
    'service.namespace': lane === 'backfill' ? `${dataset}-backfill` : dataset,
  };
}
