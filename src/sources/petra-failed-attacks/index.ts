import { defineSource } from '../../core/source.ts';
import { authorise, probeTenants, ROUTES, TENANTS_QUOTA } from '../_petra/api.ts';
import { TENANT_FIELDS } from '../_petra/fields.ts';
import { ATTACK_FIELDS, normalise, record } from './normalise.ts';
import { poll, readPast, tenantsOf } from './poll.ts';
import { streams } from './schedule.ts';
import { cursor, newestClosed, options, rewind, spanOf } from './schemas.ts';

/** Petra Security's counts of failed attacks, by tenant and UTC day. Each tenant is a stream. */
export default defineSource({
  id: 'petra-failed-attacks',
  title: 'Petra Security failed attacks',
  vendor: 'Petra Security',
  product: 'Petra',
  dataset: 'petra.failed_attacks',
  categorisation: { kind: 'metric', category: ['authentication'], type: ['info'] },
  fields: { ...TENANT_FIELDS, ...ATTACK_FIELDS },
  keyFields: [
    'petra.failed_attacks.dimension',
    'petra.failed_attacks.attack_type',
    'petra.failed_attacks.count',
    'source.geo.country_iso_code',
    'source.geo.country_name',
    'user.email',
    'user.name',
    'user.domain',
  ],
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
  // Tenants only: a request for counts would use the one request a minute that polls have.
  probe: probeTenants,
  rewind,
  settledUntil: ({ settle }, now) => spanOf(newestClosed(now, settle) + 1).from,
  normalise,
});
