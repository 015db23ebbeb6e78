import { defineSource, type Finding, type SourceContext } from '../../core/source.ts';
import { showDuration } from '../../core/text.ts';
import { authorise, probeTenants, ROUTES, TENANTS_QUOTA } from '../_petra/api.ts';
import { TENANT_FIELDS } from '../_petra/fields.ts';
import { readList } from './list.ts';
import { INCIDENT_FIELDS, normalise, record } from './normalise.ts';
import { poll } from './poll.ts';
import { cursor, options, type Options, rewind } from './schemas.ts';

/** Petra Security's incidents: their creation, and their changes in the days after. */
export default defineSource({
  id: 'petra-incidents',
  title: 'Petra Security incidents',
  vendor: 'Petra Security',
  product: 'Petra',
  dataset: 'petra.incidents',
  categorisation: { kind: 'alert', category: ['intrusion_detection'], type: ['info'] },
  fields: { ...TENANT_FIELDS, ...INCIDENT_FIELDS },
  keyFields: [
    'petra.incident.id',
    'petra.incident.remediation_status',
    'petra.incident.previous.remediation_status',
    'petra.incident.user.account_enabled',
    'petra.incident.user.last_password_change_date_time',
  ],
  stream: 'mutable',
  canReread: true,
  options,
  cursor,
  record,
  quotas: () => [{ route: ROUTES.incidents, requests: 10, per: 60_000 }, TENANTS_QUOTA],
  authorise,
  async *streams() {
    yield { id: '' };
  },
  poll,
  probe,
  rewind,
  normalise,
});

/** For `penstock check`: the newest incidents, requested as a poll does, and the tenants. */
async function* probe(context: SourceContext<Options>): AsyncGenerator<Finding, number> {
  const { overlap, limit } = context.options;
  const { length } = await readList(context, { from: context.now() - overlap });
  yield {
    probe: 'incidents',
    verdict: 'ok',
    detail: `${length >= limit ? `${limit} or more` : length} in the last ${showDuration(overlap)}`,
    advice: '',
  };
  yield* probeTenants(context);
  return 1;
}
