import { z } from 'zod';
import type { Json } from '../../core/json.ts';
import type { LedgerValue } from '../../core/source.ts';
import { isId, membersOf } from '../_kit/malformed.ts';
import { anyTime, utc, vendorTime } from '../_petra/time.ts';

/** A number as the vendor wrote it: a double would lose digits of long dwell times. */
const decimal = z
  .union([z.number(), z.string().regex(/^-?\d+(\.\d+)?([eE][-+]?\d{1,3})?$/)])
  .transform(String)
  .refine((text) => Number.isFinite(Number(text)), 'expected a finite number');

const tenant = z.looseObject({
  petraTenantId: z.string().nullish(),
  name: z.string().nullish(),
  microsoftTenantId: z.string().nullish(),
});

const user = z.looseObject({
  id: z.string().nullish(),
  userPrincipalName: z.string().nullish(),
  mail: z.string().nullish(),
  displayName: z.string().nullish(),
  accountEnabled: z.boolean().nullish(),
  lastPasswordChangeDateTime: anyTime.nullish(),
});

/**
 * `IncidentResponse` of the documents. Only what names and dates an incident is needed. `user` is null when the account
 * is gone; statuses are an open list.
 */
export const record = z.looseObject({
  id: z.string().min(1),
  url: z.string().nullish(),
  createdAt: vendorTime,
  occurredAt: anyTime.nullish(),
  remediationStatus: z.string().min(1).nullish(),
  isLive: z.boolean().nullish(),
  dwellTimeMinutes: decimal.nullish(),
  tenant: tenant.nullish(),
  user: user.nullish(),
});

export type Incident = z.output<typeof record>;

/** What makes an incident a changed one; a dwell time that grows alone does not. */
export function comparedValues(row: unknown): LedgerValue {
  const { remediationStatus, user } = membersOf(row);
  const { accountEnabled, lastPasswordChangeDateTime: changed } = membersOf(user);
  return {
    remediationStatus: plain(remediationStatus),
    accountEnabled: plain(accountEnabled),
    // Two spellings of one time are the same; Microsoft's "never" is no time at all.
    lastPasswordChangeDateTime: anyTime.safeParse(changed).success
      ? (utc(String(changed)) ?? null)
      : plain(changed),
  };
}

/** What is compared of a value that may be odd, and then is in no field of the event: it is a change all the same. */
function plain(value: unknown): Json {
  return typeof value === 'boolean' || isId(value) ? value : null;
}
