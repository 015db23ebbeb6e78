import * as z from 'zod';
import { sourceOptions } from '../../../src/config/options.ts';
import { defineSource } from '../../../src/core/source.ts';

/** The smallest source: `registry.test.ts` puts it beside the others, as somebody who adds one would. */
export default defineSource({
  id: 'sample-source',
  title: 'A sample',
  vendor: 'Sample',
  product: 'Sample',
  dataset: 'sample.rows',
  categorisation: { kind: 'event', category: ['web'], type: ['info'] },
  fields: {},
  stream: 'append-only',
  canReread: true,
  options: sourceOptions({}),
  cursor: z.object({ offset: z.int() }),
  record: z.looseObject({ id: z.string() }),
  quotas: () => [],
  authorise: () => ({}),
  async *streams() {
    yield { id: '' };
  },
  async *poll(run, cursor = { offset: 0 }) {
    const answer = await run.http.get({ path: '/rows', query: { from: cursor.offset }, route: 'rows' });
    const rows = z.array(z.unknown()).parse(answer.json());
    const observations = rows.map((record, index) => ({ key: `${cursor.offset + index}`, record }));
    yield { observations, cursor: { offset: cursor.offset + rows.length }, complete: true };
  },
  normalise: ({ id }) => ({ 'event.id': id, message: `Row ${id}` }),
});
