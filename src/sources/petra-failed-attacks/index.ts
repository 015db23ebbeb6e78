import { defineSource } from '../../core/source.ts';
import { authorise, ROUTES, TENANTS_QUOTA } from '../_petra/api.ts';
import { TENANT_FIELDS } from '../_petra/tenant-fields.ts';
import { readPast, tenantsOf } from './backfill.ts';
import { cursor } from './cursor.ts';
import { newestClosed, spanOf } from './day.ts';
import { ATTACK_FIELDS } from './fields.ts';
import { normalise } from './normalise.ts';
import { options } from './options.ts';
import { poll } from './poll.ts';
import { probe } from './probe.ts';
import { record } from './record.ts';
import { rewind } from './rewind.ts';
import { streams } from './sweep.ts';

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
