import * as z from 'zod';
import { compact, type EcsEvent, type FieldTable } from '../../core/event.ts';
import type { Json } from '../../core/json.ts';
import type { LedgerValue, MappingContext } from '../../core/source.ts';
import { isoTime } from '../../ecs/common.ts';
import { isId, membersOf } from '../_kit/keys.ts';
import { anyTime, principalFields, tenant, tenantFields, utc, vendorTime } from '../_petra/fields.ts';

/** A number as decimal text, as the vendor wrote it: a double would lose digits of long dwell times. */
const decimal = z
  .union([z.number(), z.string().regex(/^-?\d+(\.\d+)?([eE][-+]?\d{1,3})?$/)])
  .transform(String)
  .refine((text) => Number.isFinite(Number(text)), 'expected a finite number');

const user = z.looseObject({
  id: z.string().nullish(),
  userPrincipalName: z.string().nullish(),
  mail: z.string().nullish(),
  displayName: z.string().nullish(),
  accountEnabled: z.boolean().nullish(),
  lastPasswordChangeDateTime: anyTime.nullish(),
});

/**
 * `IncidentResponse` of the documentation. Only the id and the creation time are required. `user` is null when the account
 * was deleted. New statuses may appear.
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

/** The values whose change is an update. A dwell time that grows is none. */
export function comparedValues(row: unknown): LedgerValue {
  const { remediationStatus, user } = membersOf(row);
  const { accountEnabled, lastPasswordChangeDateTime: changed } = membersOf(user);
  return {
    remediationStatus: plain(remediationStatus),
    accountEnabled: plain(accountEnabled),
    // Two spellings of one time are equal, and Microsoft's "never" is not a time.
    lastPasswordChangeDateTime: anyTime.safeParse(changed).success
      ? (utc(String(changed)) ?? null)
      : plain(changed),
  };
}

/** A value to compare. One that does not fit is in no field of the event, but its change is an update all the same. */
function plain(value: unknown): Json {
  return typeof value === 'boolean' || isId(value) ? value : null;
}

/** The fields of these events that ECS does not define. */
export const INCIDENT_FIELDS: FieldTable = {
  'petra.incident.id': 'keyword',
  'petra.incident.url': 'keyword',
  'petra.incident.created_at': 'date',
  'petra.incident.occurred_at': 'date',
  'petra.incident.remediation_status': 'keyword',
  'petra.incident.previous.remediation_status': 'keyword',
  'petra.incident.is_live': 'boolean',
  'petra.incident.dwell_time_minutes': 'double',
  'petra.incident.user.account_enabled': 'boolean',
  'petra.incident.user.last_password_change_date_time': 'date',
  'petra.incident.user.user_principal_name': 'keyword',
};

/** An incident in ECS: its creation, or an update with the status before. */
export function normalise(incident: Incident, { reason, observedAt, previous }: MappingContext): EcsEvent {
  const { tenant, user, remediationStatus: status, dwellTimeMinutes: dwell } = incident;
  const updated = reason === 'updated';
  const before = previous?.['remediationStatus'];
  const duration = typeof dwell === 'string' ? nanosecondsOfMinutes(dwell) : undefined;
  return compact({
    '@timestamp': updated ? isoTime(observedAt) : utc(incident.createdAt),
    message: sentence(incident, updated, before),
    'event.id': incident.id,
    // An alert for every update would open the case again.
    'event.kind': updated ? 'event' : 'alert',
    'event.action': updated ? 'incident-updated' : 'incident-created',
    'event.severity': severityOf(status),
    'event.start': utc(incident.occurredAt),
    'event.duration': duration === undefined ? undefined : Number(duration),
    'event.url': incident.url,
    ...tenantFields(tenant),
    'user.id': user?.id,
    ...principalFields(user?.userPrincipalName),
    'user.email': user?.mail,
    'user.full_name': user?.displayName,
    'related.user': [user?.userPrincipalName].filter((name) => typeof name === 'string'),
    'petra.incident.id': incident.id,
    'petra.incident.url': incident.url,
    'petra.incident.created_at': utc(incident.createdAt),
    'petra.incident.occurred_at': utc(incident.occurredAt),
    'petra.incident.remediation_status': status,
    'petra.incident.previous.remediation_status': updated && typeof before === 'string' ? before : undefined,
    'petra.incident.is_live': incident.isLive,
    'petra.incident.dwell_time_minutes': typeof dwell === 'string' ? Number(dwell) : undefined,
    'petra.incident.user.account_enabled': user?.accountEnabled,
    'petra.incident.user.last_password_change_date_time': utc(user?.lastPasswordChangeDateTime),
    'petra.incident.user.user_principal_name': user?.userPrincipalName,
  });
}

function sentence({ tenant, user, remediationStatus }: Incident, updated: boolean, before: unknown): string {
  const who =
    user?.userPrincipalName ?? user?.mail ?? user?.displayName ?? user?.id ?? 'an account that is gone';
  const where = tenant?.name ?? tenant?.petraTenantId ?? 'an unnamed tenant';
  const changed = updated && typeof before === 'string' && before !== remediationStatus;
  const now = remediationStatus ?? 'status unknown';
  const status = changed ? `${before} became ${now}` : now;
  return `Petra ${updated ? 'updated' : 'reported'} an incident of ${who} at ${where}: ${status}.`;
}

/** Elastic Security's scale, by how much is left to do. */
const [LOW, MEDIUM, HIGH, CRITICAL] = [21, 47, 73, 99] as const;

const SEVERITIES: Readonly<Record<string, number>> = {
  UNREMEDIATED: CRITICAL,
  ATTACKER_RETAINS_PASSWORD: CRITICAL,
  PARTIALLY_REMEDIATED: HIGH,
  LOCKED_AWAITING_PASSWORD_RESET: HIGH,
  UNCOVERED_IN_BASELINING: HIGH,
  REMEDIATED: MEDIUM,
  REMEDIATED_PRIOR_TO_ONBOARDING: MEDIUM,
  INCORRECT: LOW,
  PEN_TEST: LOW,
};

/** `event.severity` of a remediation status; high for a status that is unknown or cannot be read. */
export function severityOf(remediationStatus: string | null | undefined): number {
  if (typeof remediationStatus !== 'string') return HIGH;
  return Object.hasOwn(SEVERITIES, remediationStatus) ? (SEVERITIES[remediationStatus] ?? HIGH) : HIGH;
}

const NS_PER_MINUTE = 60_000_000_000n;

/** With a smaller power of ten, no number that `decimal` accepts reaches a nanosecond. */
const SMALLEST_EXPONENT = -400;

/** The largest double that fits a 64-bit integer, in which stores keep durations: about 292 years. */
const LONGEST = 9_223_372_036_854_774_784n;

/**
 * Converts a decimal number of minutes to the nearest whole nanosecond, exactly at any length: `656634.6116` minutes are
 * more nanoseconds than a double can count. Undefined for a negative number, and for one that no store can hold.
 */
export function nanosecondsOfMinutes(minutes: string): bigint | undefined {
  const nanoseconds = exactNanoseconds(minutes);
  return nanoseconds === undefined || nanoseconds > LONGEST ? undefined : nanoseconds;
}

function exactNanoseconds(minutes: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(minutes) ?? [];
  if (sign !== '') return undefined;
  const exponent = Number(power) - fraction.length;
  const scaled = BigInt(whole + fraction) * NS_PER_MINUTE;
  if (exponent >= 0) return scaled * 10n ** BigInt(exponent);
  if (exponent < SMALLEST_EXPONENT - fraction.length) return 0n;
  const divisor = 10n ** BigInt(-exponent);
  return (2n * scaled + divisor) / (2n * divisor);
}
