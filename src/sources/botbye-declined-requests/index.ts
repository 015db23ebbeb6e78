import { defineSource } from '../../core/source.ts';
import { bucketAt, calendarOf } from './bucket.ts';
import { cursor } from './cursor.ts';
import { longestUnseen, nextEdge } from './edge.ts';
import { DECLINED_FIELDS } from './fields.ts';
import { normalise } from './normalise.ts';
import { options, type Options } from './options.ts';
import { poll } from './poll.ts';
import { probe } from './probe.ts';
import { record } from './record.ts';
import { scopeOf } from './summary.ts';

/** BotBye's summaries of declined requests, snapshots of the current bucket, as counters. */
export default defineSource({
  id: 'botbye-declined-requests',
  title: 'BotBye declined requests',
  vendor: 'BotBye',
  product: 'BotBye',
  dataset: 'botbye.declined_requests',
  categorisation: { kind: 'metric', category: ['web'], type: ['info'] },
  fields: DECLINED_FIELDS,
  stream: 'counter',
  canReread: false,
  accountOption: 'account_id',
  scopedBy: ['project_ids', 'types', 'interval_type'],
  options,
  cursor,
  record,
  quotas: () => [],
  authorise,
  async *streams({ options: { project_ids, types, interval_type } }) {
    for (const project of project_ids) for (const type of types) yield scopeOf(project, type, interval_type);
  },
  poll,
  probe,
  clockTolerance: (options) => options.edge_guard,
  settledUntil: (options, now) => bucketAt(now, calendarOf(options)).from,
  toleratedGap: (options) => longestUnseen(options.edge_guard),
  nextExtraPoll: (options, now) => nextEdge(now, calendarOf(options), options.edge_guard),
  normalise,
});

/** Both ways are documented: the API reference says Bearer, botbye.com/docs/api says `X-Api-Key`, Base64. */
function authorise({ auth, token }: Options): Readonly<Record<string, string>> {
  const value = token?.reveal() ?? '';
  if (auth === 'bearer') return { authorization: `Bearer ${value}` };
  return { 'x-api-key': Buffer.from(value).toString('base64') };
}
