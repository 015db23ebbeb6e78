import { z } from 'zod';
import { counted } from './record.ts';

/** One run of counting of a series: what the ledger keeps of it, so that it can be told again when its bucket closes. */
export const series = z.object({
  /** The vendor's count less `base`: the sum of the deltas that this run has told. */
  count: z.number(),
  /** The vendor's count when the run began, where that was told by another run. */
  base: z.number(),
  /** A count that falls begins a new run: 1, 2, … */
  run: z.number(),
  /** 1, or more for a row whose id comes more than once in an answer. */
  ordinal: z.number(),
  /** As the vendor sent it. */
  row: counted,
  /** Added by the pipeline to what was told as final. */
  final: z.boolean().optional(),
});

export type Series = z.output<typeof series>;

/** Names a series in its bucket, whatever the run. */
export function seriesId({ ordinal, row: { id } }: Pick<Series, 'ordinal' | 'row'>): string {
  return `${ordinal}|${id}`;
}
