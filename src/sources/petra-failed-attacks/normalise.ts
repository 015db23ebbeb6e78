import { z } from 'zod';
import { type NamedTenant, principalFields, tenantFields } from '../_petra/fields.ts';
import { compact, type EcsEvent, type EcsValue } from '../../core/event.ts';
import type { FieldTable } from '../../core/fields.ts';
import { NEEDED } from '../../core/read-record.ts';
import type { MappingContext, Scope } from '../../core/source.ts';
import { bucketInWords, changeInWords, isoTime } from '../../ecs/time.ts';
import { dayOf, spanOf } from './schemas.ts';

const count = z.int().min(0);

const tenant = z.looseObject({
  petraTenantId: z.string().nullish(),
  name: z.string().nullish(),
  microsoftTenantId: z.string().nullish(),
});

const country = z.looseObject({ name: z.string().nullish(), countryCode: z.string().nullish() });

/** A country that is counted: its code names the series, so an odd one cannot be left out. */
const counted = country.extend({
  countryCode: z
    .unknown()
    .refine((code) => code === undefined || code === null || typeof code === 'string', {
      error: 'expected text',
      ...NEEDED,
    })
    .optional(),
  count,
});

const user = z.looseObject({
  userPrincipalName: z.string().min(1),
  fullName: z.string().nullish(),
  jobTitle: z.string().nullish(),
  count,
  attackOriginCountries: z.array(country).nullish(),
});

/** Which part of the answer a row is of. An answer that does not name its tenant is of the one that was asked for. */
const place = { tenant: tenant.nullish(), day: z.iso.date() };

/** Parts of an answer that are no rows, and so fit nowhere. */
const MISPLACED: Readonly<Record<string, string>> = {
  by_day: 'expected a day with its date and a list of attack types',
  date_range: 'the answer is of another window than the day that was asked',
};

const dimensions = [
  z.object({ ...place, dimension: z.literal('total'), row: z.looseObject({ totalCount: count }) }),
  z.object({
    ...place,
    dimension: z.literal('attack_type'),
    row: z.looseObject({ attackType: z.string().min(1), count }),
  }),
  z.object({ ...place, dimension: z.literal('country'), row: counted }),
  z.object({ ...place, dimension: z.literal('user'), row: user }),
] as const;

/** One row of an answer, with the tenant and the day that it counts. The attack types are an open list. */
export const record = z.discriminatedUnion('dimension', dimensions, {
  error: ({ input }) => MISPLACED[(input as { dimension?: string } | undefined)?.dimension ?? ''],
});

export type AttackCount = z.output<typeof record>;
export type Dimension = AttackCount['dimension'];

/** What a row counts within its dimension; '' for the total, and for attacks of no known country. */
export function subjectOf({ dimension, row }: AttackCount): string {
  if (dimension === 'total') return '';
  if (dimension === 'attack_type') return row.attackType;
  return dimension === 'country' ? (row.countryCode ?? '') : row.userPrincipalName;
}

export function countOf({ dimension, row }: AttackCount): number {
  return dimension === 'total' ? row.totalCount : row.count;
}

/** The same row with another count. */
export function withCount(counted: AttackCount, count: number): AttackCount {
  if (counted.dimension === 'total') return { ...counted, row: { ...counted.row, totalCount: count } };
  return { ...counted, row: { ...counted.row, count } } as AttackCount;
}

/** Fields of a count of failed attacks that ECS does not define. Attack types are an open list. */
export const ATTACK_FIELDS: FieldTable = {
  'petra.failed_attacks.dimension': 'keyword',
  'petra.failed_attacks.attack_type': 'keyword',
  'petra.failed_attacks.count': 'long',
  'petra.failed_attacks.delta': 'long',
  'petra.failed_attacks.final': 'boolean',
  'petra.failed_attacks.user.job_title': 'keyword',
  'petra.failed_attacks.user.attack_origin_countries': 'keyword',
};

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
