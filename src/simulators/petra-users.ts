import type { Random } from '../core/clock.ts';
import { drawUuid, type PetraTenant } from './petra-tenants.ts';
import { pick } from './seeded.ts';

/** A Microsoft 365 account, as incidents name it. */
export interface PetraUser {
  readonly id: string;
  readonly userPrincipalName: string | null;
  readonly mail: string | null;
  readonly displayName: string | null;
}

const FIRST = ['Anakin', 'Neal', 'Nick', 'Asha', 'Pink', 'Solon', 'Annabel', 'Zoë', 'Łukasz', 'Mei'] as const;
const LAST = ['Skywalker', 'Caffrey', 'Renner', 'Streich', 'Jones', 'Doyle', 'Ankunding', 'Wang'] as const;

/** One in twenty has no account that still exists, one in ten has no mailbox. */
export function drawUser(random: Random, tenant: PetraTenant): PetraUser | null {
  const [first, last] = [pick(random, FIRST), pick(random, LAST)];
  const userPrincipalName = `${first}.${last}@${domainOf(tenant)}`.toLowerCase();
  const user = { id: drawUuid(random), userPrincipalName, displayName: `${first} ${last}` };
  const mail = random() < 0.1 ? null : userPrincipalName;
  return random() < 0.05 ? null : { ...user, mail };
}

export function domainOf({ name }: PetraTenant): string {
  return `${name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')}.example`;
}
