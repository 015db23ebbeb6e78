import type { Page } from '../../core/source.ts';
import { defineSource } from '../../core/source.ts';
import { authorise, ROUTES, TENANTS_QUOTA } from '../_petra/api.ts';
import { TENANT_FIELDS } from '../_petra/tenant-fields.ts';
import { cursor, type Cursor, type StoredCursor } from './cursor.ts';
import { INCIDENT_FIELDS } from './fields.ts';
import { fillHoles } from './fan-out.ts';
import type { Poll } from './list.ts';
import { readLive } from './live.ts';
import { normalise } from './normalise.ts';
import { options } from './options.ts';
import { probe } from './probe.ts';
import { record } from './record.ts';
import { refresh } from './refresh.ts';
import { rewind } from './rewind.ts';

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
