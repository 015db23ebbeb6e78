import { defineSource, type Finding, type SourceContext } from '../../core/source.ts';
import { DECLINED_FIELDS, normalise, record } from './normalise.ts';
import { poll, readSummary, scopeOf } from './poll.ts';
import { bucketAt, calendarOf, cursor, longestUnseen, nextEdge, options, type Options } from './schemas.ts';

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

/** What `penstock check` asks of BotBye: the first summary of the first project, since all share one route. */
export async function* probe(context: SourceContext<Options>): AsyncGenerator<Finding, number> {
  const { project_ids: projects, types, interval_type } = context.options;
  const [project = '', ...others] = projects;
  const [type = ''] = types;
  const { rows } = await readSummary({ ...context, scope: scopeOf(project, type, interval_type) });
  const unasked = others.length === 0 ? '' : `; ${others.length} more projects are not asked now`;
  yield {
    probe: 'declined requests',
    verdict: 'ok',
    detail: `${rows.length} rows of ${type} in project ${project}${unasked}`,
    advice: '',
  };
  return projects.length * types.length;
}
