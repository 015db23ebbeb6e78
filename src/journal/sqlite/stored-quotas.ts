import type { Quotas } from '../../core/quota.ts';
import type { Journal } from '../journal.ts';

/** The quotas of a journal, as its clients spend from them. */
export function quotasOf(journal: Omit<Journal, 'quotas'>): Quotas {
  return {
    spend: (quota, limit, now) => journal.spend(quota, limit, now),
    available: (quota, limit, now) => journal.available(quota, limit, now),
    pause: (quota, until) => journal.pauseBudget(quota, until),
    pausedUntil: (quota) => journal.pausedUntil(quota),
  };
}
