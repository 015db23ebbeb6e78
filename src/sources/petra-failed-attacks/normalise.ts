import * as z from 'zod';
import { compact, type EcsEvent, type EcsValue, type FieldTable } from '../../core/event.ts';
import { NEEDED } from '../../core/read-record.ts';
import type { MappingContext, Scope } from '../../core/source.ts';
import { bucketInWords, changeInWords, isoTime } from '../../ecs/common.ts';
import { principalFields, tenant, tenantFields } from '../_petra/fields.ts';
import { dayOf, spanOf } from './schemas.ts';

const count = z.int().min(0);

const country = z.looseObject({ name: z.string().nullish(), countryCode: z.string().nullish() });

/** A country that is counted. Its code identifies the series, so the record needs a valid one. */
const countedCountry = country.extend({
  countryCode: z
    .unknown()
    .refine((code) => code === undefined || code === null || typeof code === 'string', {
      error: 'expected text',
      ...NEEDED,
    })
    .optional(),
  count,
});

const targetedUser = z.looseObject({
  userPrincipalName: z.string().min(1),
  fullName: z.string().nullish(),
  jobTitle: z.string().nullish(),
  count,
  attackOriginCountries: z.array(country).nullish(),
});

/** Tenant and day of a row. An answer that names no tenant is about the one that was asked for. */
const frame = { tenant: tenant.nullish(), day: z.iso.date() };

const dimensions = [
  z.object({ ...frame, dimension: z.literal('total'), row: z.looseObject({ totalCount: count }) }),
  z.object({
    ...frame,
    dimension: z.literal('attack_type'),
    row: z.looseObject({ attackType: z.string().min(1), count }),
  }),
  z.object({ ...frame, dimension: z.literal('country'), row: countedCountry }),
  z.object({ ...frame, dimension: z.literal('user'), row: targetedUser }),
] as const;

/** Parts of an answer that are not counts: no record has these dimensions, so they become pipeline errors. */
const NOT_COUNTED: Readonly<Record<string, string>> = {
  by_day: 'expected a day with its date and a list of attack types',
  date_range: 'the answer is of another window than the day that was asked',
};

/** One row of an answer, with the tenant and the day that it counts. New attack types may appear. */
export const record = z.discriminatedUnion('dimension', dimensions, {
  error: ({ input }) => NOT_COUNTED[(input as { dimension?: string } | undefined)?.dimension ?? ''],
});

export type AttackCount = z.output<typeof record>;
export type Dimension = AttackCount['dimension'];

/** What a row counts within its dimension; '' for the total, and for attacks from an unknown country. */
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

/** The fields of these events that ECS does not define. */
export const ATTACK_FIELDS: FieldTable = {
  'petra.failed_attacks.dimension': 'keyword',
  'petra.failed_attacks.attack_type': 'keyword',
  'petra.failed_attacks.count': 'long',
  'petra.failed_attacks.delta': 'long',
  'petra.failed_attacks.final': 'boolean',
  'petra.failed_attacks.user.job_title': 'keyword',
  'petra.failed_attacks.user.attack_origin_countries': 'keyword',
};

/** A count in ECS. `@timestamp` is the time of the reading; `event.start` and `event.end` are the day. */
export function normalise(counted: AttackCount, context: MappingContext): EcsEvent {
  const { scope, observedAt, reason, delta } = context;
  const named = tenantOf(counted, scope);
  const { from, to } = spanOf(dayOf(Date.parse(counted.day)));
  return compact({
    '@timestamp': isoTime(observedAt),
    message: sentence(counted, named, context),
    'event.start': isoTime(from),
    'event.end': isoTime(to),
    ...tenantFields(named),
    ...subjectFields(counted),
    'petra.failed_attacks.dimension': counted.dimension,
    'petra.failed_attacks.count': countOf(counted),
    'petra.failed_attacks.delta': delta,
    'petra.failed_attacks.final': reason === 'final',
  });
}

/** The stream's tenant is the one that was asked for: it completes what the answer says of its tenant. */
function tenantOf({ tenant: named }: AttackCount, { id, name }: Scope): NonNullable<AttackCount['tenant']> {
  return { ...named, petraTenantId: named?.petraTenantId || id, name: named?.name || name };
}

function subjectFields({
  dimension,
  row,
}: AttackCount): Readonly<Record<string, EcsValue | null | undefined>> {
  if (dimension === 'total') return {};
  if (dimension === 'attack_type') return { 'petra.failed_attacks.attack_type': row.attackType };
  if (dimension === 'country')
    return { 'source.geo.country_iso_code': row.countryCode, 'source.geo.country_name': row.name };
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

/** `366 failed attacks on Acme, 27 Nov (+366, final)` */
function sentence(
  counted: AttackCount,
  named: ReturnType<typeof tenantOf>,
  { observedAt, reason, delta }: MappingContext,
): string {
  const attacks = countOf(counted);
  const where = named.name || named.petraTenantId || 'an unnamed tenant';
  const date = bucketInWords({ from: Date.parse(counted.day), unit: 'DAY', zone: 'utc', now: observedAt });
  const change = changeInWords(delta, reason === 'final');
  return `${attacks} failed ${attacks === 1 ? 'attack' : 'attacks'}${aim(counted, where)}, ${date} ${change}`;
}

/** The kind, the origin or the target of the attacks. */
function aim({ dimension, row }: AttackCount, where: string): string {
  if (dimension === 'total') return ` on ${where}`;
  if (dimension === 'attack_type') return ` of type ${row.attackType} on ${where}`;
  if (dimension === 'user') return ` on ${row.userPrincipalName} of ${where}`;
  return ` from ${row.countryCode || row.name || 'an unknown country'} on ${where}`;
}
