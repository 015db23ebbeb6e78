import { askTenants, authorise, ROUTES, TENANTS_QUOTA } from '../_petra/api.ts';
import { TENANT_FIELDS } from '../_petra/fields.ts';
import { defineSource, type Finding, type SourceContext } from '../../core/source.ts';
import { ATTACK_FIELDS, normalise, record } from './normalise.ts';
import { poll, readPast, tenantsOf } from './poll.ts';
import { streams } from './schedule.ts';
import { cursor, newestClosed, options, type Options, rewind, spanOf } from './schemas.ts';

/** Petra Security's counts of failed attacks, per tenant and UTC day, as counters. A stream per tenant. */
export default defineSource({
  id: 'petra-failed-attacks',
  title: 'Petra Security failed attacks',
  vendor: 'Petra Security',
  product: 'Petra',
  dataset: 'petra.failed_attacks',
  categorisation: { kind: 'metric', category: ['authentication'], type: ['info'] },
  fields: { ...TENANT_FIELDS, ...ATTACK_FIELDS },
  stream: 'counter',
  fullKeys: true,
  canReread: true,
  scopedBy: ['tenants'],
  options,
  cursor,
  record,
  quotas: () => [{ route: ROUTES.failedAttacks, requests: 1, per: 60_000 }, TENANTS_QUOTA],
  authorise,
  streams,
  poll,
  backfill: { streams: tenantsOf, read: readPast },
  probe,
  rewind,
  settledUntil: ({ settle }, now) => spanOf(newestClosed(now, settle) + 1).from,
  normalise,
});

/** What `penstock check` asks of Petra: the tenants alone, since one request for counts would cost a poll its minute. */
export async function* probe(run: SourceContext<Options>): AsyncGenerator<Finding, number> {
  return yield* askTenants(run);
}
