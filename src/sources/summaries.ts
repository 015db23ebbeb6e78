import { loadSources } from './registry.ts';
import { type SourceSummary, summaryOf } from './summary.ts';

/**
 * Every shipped source type, in order. In the built program this module is replaced by its result (`bundle.ts`), so that
 * listing the types loads none of them.
 */
export async function sourceSummaries(): Promise<readonly SourceSummary[]> {
  return [...(await loadSources()).values()].map((source) => summaryOf(source, 'built-in'));
}
