import { defineSource, type Finding, type SourceContext } from '../../core/source.ts';
import { DECLINED_FIELDS, normalise, record } from './normalise.ts';
import { poll, readSummary, scopeOf } from './poll.ts';
import { bucketAt, calendarOf, cursor, longestUnseen, nextEdge, options, type Options } from './schemas.ts';

/** BotBye's summaries of declined requests: counts of the current bucket, read as counters. */
export default defineSource({
  id: 'botbye-declined-requests',
  title: 'BotBye declined requests',
  vendor: 'BotBye',
  product: 'BotBye',
  dataset: 'botbye.declined_requests',
  categorisation: { kind: 'metric', category: ['web'], type: ['info'] },
  fields: DECLINED_FIELDS,
  // The ledger keeps the row, so that a bucket can be closed without it.
  keyFields: [
    'event.reason',
    'source.address',
    'source.ip',
    'source.geo.country_iso_code',
    'url.path',
    'url.query',
    'rule.id',
    'rule.name',
    ...Object.keys(DECLINED_FIELDS),
  ],
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
  clockTolerance: ({ edge_guard }) => edge_guard,
  settledUntil: (configured, now) => bucketAt(now, calendarOf(configured)).from,
  toleratedGap: ({ edge_guard }) => longestUnseen(edge_guard),
  nextExtraPoll: (configured, now) => nextEdge(now, calendarOf(configured), configured.edge_guard),
  normalise,
});

/** Both are documented: Bearer in the API reference, and `X-Api-Key` in Base64 at botbye.com/docs/api. */
function authorise({ auth, token }: Options): Readonly<Record<string, string>> {
  const value = token?.reveal() ?? '';
  if (auth === 'bearer') return { authorization: `Bearer ${value}` };
  return { 'x-api-key': Buffer.from(value).toString('base64') };
}

/** For `penstock check`: the first summary of the first project, because all summaries share one route. */
async function* probe(context: SourceContext<Options>): AsyncGenerator<Finding, number> {
  const { project_ids: projects, types, interval_type } = context.options;
  const [project = '', ...others] = projects;
  const [type = ''] = types;
  const { rows } = await readSummary({ ...context, scope: scopeOf(project, type, interval_type) });
  const unchecked = others.length === 0 ? '' : `; other projects not checked: ${others.length}`;
  yield {
    probe: 'declined requests',
    verdict: 'ok',
    detail: `${rows.length} rows of ${type} in project ${project}${unchecked}`,
    advice: '',
  };
  return projects.length * types.length;
}
