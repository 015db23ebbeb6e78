import { z } from 'zod';
import type { LedgerValue } from '../../source.ts';
import { counted } from './record.ts';

/** One run of counting of a series: what the ledger keeps of it, so that it can be told again when its bucket closes. */
const series = z.object({
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

/** The last run of every series in a part of the ledger; malformed rows, which have no value, are left out. */
export function lastRuns(ledger: ReadonlyMap<string, LedgerValue>): Map<string, Series> {
  const last = new Map<string, Series>();
  for (const value of ledger.values()) {
    const parsed = series.safeParse(value);
    if (!parsed.success) continue;
    const known = last.get(seriesId(parsed.data));
    if (known === undefined || known.run < parsed.data.run) last.set(seriesId(parsed.data), parsed.data);
  }
  return last;
}
