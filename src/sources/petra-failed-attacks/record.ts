import { z } from 'zod';
import { NEEDED } from '../../core/read-record.ts';

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
