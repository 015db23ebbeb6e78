import type { Finding, SourceContext } from '../../core/source.ts';
import type { Options } from './options.ts';
import { readSummary, scopeOf } from './summary.ts';

/** What `penstock check` asks of BotBye: the first summary of the first project, since all share one route. */
export async function* probe(run: SourceContext<Options>): AsyncGenerator<Finding, number> {
  const { project_ids: projects, types, interval_type } = run.options;
  const [project = '', ...others] = projects;
  const [type = ''] = types;
  const { rows } = await readSummary({ ...run, scope: scopeOf(project, type, interval_type) });
  const unasked = others.length === 0 ? '' : `; ${others.length} more projects are not asked now`;
  yield {
    probe: 'declined requests',
    verdict: 'ok',
    detail: `${rows.length} rows of ${type} in project ${project}${unasked}`,
    advice: '',
  };
  return projects.length * types.length;
}
