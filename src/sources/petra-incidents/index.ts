import { askTenants, authorise, ROUTES, TENANTS_QUOTA } from '../_petra/api.ts';
import { TENANT_FIELDS } from '../_petra/fields.ts';
import { showDuration } from '../../core/show-duration.ts';
import { defineSource, type Finding, type Page, type SourceContext } from '../../core/source.ts';
import { type Poll, readList } from './list.ts';
import { readLive } from './live.ts';
import { INCIDENT_FIELDS, normalise, record } from './normalise.ts';
import { cursor, type Cursor, options, type Options, rewind, type StoredCursor } from './schemas.ts';
import { fillHoles, refresh } from './tenant-walks.ts';

/** Petra Security's incidents: created, and changed for days after. */
export default defineSource({
  id: 'petra-incidents',
  title: 'Petra Security incidents',
  vendor: 'Petra Security',
  product: 'Petra',
  dataset: 'petra.incidents',
  categorisation: { kind: 'alert', category: ['intrusion_detection'], type: ['info'] },
  fields: { ...TENANT_FIELDS, ...INCIDENT_FIELDS },
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

/** The newest first, then what their list did not hold, then what may have changed. */
async function* poll(run: Poll, before: Cursor | undefined): AsyncGenerator<Page<StoredCursor>> {
  const live = yield* readLive(run, before);
  const filled = yield* fillHoles(run, live);
  yield* refresh(run, filled);
}

/** What `penstock check` asks of Petra: the tenants, and the newest incidents as a poll asks for them. */
export async function* probe(run: SourceContext<Options>): AsyncGenerator<Finding, number> {
  const { overlap, limit } = run.options;
  const list = await readList(run, { from: run.now() - overlap });
  const count = list.length;
  yield {
    probe: 'incidents',
    verdict: 'ok',
    detail: `${count >= limit ? `${limit} or more` : count} in the last ${showDuration(overlap)}`,
    advice: '',
  };
  yield* askTenants(run);
  return 1;
}
