import type { Finding, SourceContext } from '../../core/source.ts';
import { showDuration } from '../../core/show-duration.ts';
import { askTenants } from '../_petra/probe.ts';
import { readList } from './list.ts';
import type { Options } from './options.ts';

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
