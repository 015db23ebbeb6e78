import type { Observation, Span } from '../core/source.ts';

/**
 * Observations of the past without those that live polling has told meanwhile: the ledger may have forgotten them
 * already, and the coverage has not. One without a time of its own stays.
 */
export function untold(
  observations: readonly Observation[],
  covered: readonly Span[],
): readonly Observation[] {
  const isTold = (at: number) => covered.some(({ from, to }) => from <= at && at < to);
  return observations.filter(({ at }) => at === undefined || !isTold(at));
}
