import { loadSources } from './registry.ts';

/** What `penstock sources` lists of a source type. */
export interface SourceSummary {
  readonly type: string;
  readonly title: string;
  readonly dataset: string;
  readonly stream: string;
}

/**
 * Every source type, in order. In the built program this module is replaced by its result (`build.ts`), so that listing the
 * types loads none of them.
 */
export async function sourceSummaries(): Promise<readonly SourceSummary[]> {
  const sources = [...(await loadSources()).values()];
  return sources.map(({ id, title, dataset, stream }) => ({ type: id, title, dataset, stream }));
}
