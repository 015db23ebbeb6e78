import { compact, type EcsEvent, type EcsValue } from '../../core/event.ts';
import { bucketInWords, changeInWords, isoTime } from '../../ecs/time.ts';
import type { Scope, MappingContext } from '../../core/source.ts';
import { principalFields } from '../_petra/account.ts';
import { tenantFields, type NamedTenant } from '../_petra/tenant-fields.ts';
import { dayOf, spanOf } from './day.ts';
import { countOf, type AttackCount } from './record.ts';

/** A counter's telling: `@timestamp` is when it was read, `event.start` and `event.end` are its day. */
export function normalise(
  counted: AttackCount,
  { scope, observedAt, reason, delta }: MappingContext,
): EcsEvent {
  const tenant = tenantOf(counted, scope);
  const { from, to } = spanOf(dayOf(Date.parse(counted.day)));
  return compact({
    '@timestamp': isoTime(observedAt),
    message: sentence(counted, tenant, { observedAt, final: reason === 'final', delta }),
    'event.start': isoTime(from),
    'event.end': isoTime(to),
    ...tenantFields(tenant),
    ...subjectFields(counted),
    'petra.failed_attacks.dimension': counted.dimension,
    'petra.failed_attacks.count': countOf(counted),
    'petra.failed_attacks.delta': delta,
    'petra.failed_attacks.final': reason === 'final',
  });
}

function subjectFields(counted: AttackCount): Readonly<Record<string, EcsValue | null | undefined>> {
  if (counted.dimension === 'user') return userFields(counted.row);
  if (counted.dimension === 'attack_type') {
    return { 'petra.failed_attacks.attack_type': counted.row.attackType };
  }
  if (counted.dimension === 'total') return {};
  return {
    'source.geo.country_iso_code': counted.row.countryCode,
    'source.geo.country_name': counted.row.name,
  };
}

function userFields(
  row: Extract<AttackCount, { dimension: 'user' }>['row'],
): Readonly<Record<string, EcsValue | null | undefined>> {
  return {
    ...principalFields(row.userPrincipalName),
    'user.email': row.userPrincipalName,
    'user.full_name': row.fullName,
    'petra.failed_attacks.user.job_title': row.jobTitle,
    'petra.failed_attacks.user.attack_origin_countries': (row.attackOriginCountries ?? [])
      .map(({ countryCode }) => countryCode)
      .filter((code) => typeof code === 'string'),
  };
}

/** The stream's tenant is the one that was asked for: where the answer does not name one, it is of this one. */
function tenantOf({ tenant }: AttackCount, { id, name }: Scope): NamedTenant {
  return { ...tenant, petraTenantId: tenant?.petraTenantId || id, name: tenant?.name || name };
}

interface Change {
  readonly observedAt: number;
  readonly final: boolean;
  readonly delta: number;
}

function sentence(counted: AttackCount, tenant: NamedTenant, { observedAt, final, delta }: Change): string {
  const count = countOf(counted);
  const where = tenant.name || tenant.petraTenantId || 'an unnamed tenant';
  const date = bucketInWords({ from: Date.parse(counted.day), unit: 'DAY', zone: 'utc', now: observedAt });
  const attacks = `${count} failed ${count === 1 ? 'attack' : 'attacks'}`;
  return `${attacks}${aim(counted, where)}, ${date} ${changeInWords(delta, final)}`;
}

/** Of which kind the attacks were, from where they came, and whom they were meant for. */
function aim(counted: AttackCount, tenant: string): string {
  if (counted.dimension === 'total') return ` on ${tenant}`;
  if (counted.dimension === 'attack_type') return ` of type ${counted.row.attackType} on ${tenant}`;
  if (counted.dimension === 'user') return ` on ${counted.row.userPrincipalName} of ${tenant}`;
  return ` from ${counted.row.countryCode || counted.row.name || 'an unknown country'} on ${tenant}`;
}
