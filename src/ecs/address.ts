import { isIP } from 'node:net';
import type { EcsValue } from '../core/event.ts';

/** Fields that have both `address` and `ip` in ECS. */
export type Party = 'source' | 'destination' | 'client' | 'server';

/**
 * The address of one party as the vendor wrote it, and `ip` beside it only when it is one: an `ip` field refuses the
 * whole document for a host name, an empty text, or an IPv6 zone.
 */
export function addressOf(party: Party, address: string | undefined): Readonly<Record<string, EcsValue>> {
  if (address === undefined || address === '') return {};
  const fields = { [`${party}.address`]: address };
  return isPlainIp(address) ? { ...fields, [`${party}.ip`]: address } : fields;
}

/** An IPv4 or IPv6 address without a zone, as Elasticsearch's `ip` type takes it. */
function isPlainIp(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}
