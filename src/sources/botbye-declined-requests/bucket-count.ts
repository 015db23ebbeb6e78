import type { LedgerValue, Observation, Span } from '../../source.ts';
import { isId, malformedKeys, membersOf } from '../_kit/malformed.ts';
import { counted, type Counted, type DeclinedRequests } from './record.ts';
import { lastRuns, seriesId, type Series } from './series.ts';

/** What a record says besides its row: the same for all rows of a bucket. */
export type Frame = Omit<DeclinedRequests, 'row' | 'read'>;

/** Begins the ledger keys of a bucket: its start in UTC. */
export function bucketPrefix({ from }: Pick<Span, 'from'>): string {
  return `${new Date(from).toISOString()}|`;
}

/** Turns snapshots of one bucket into what is to be told: the series, run by run, that sum up to the vendor's counts. */
export class BucketCount {
  readonly #frame: Frame;
  readonly #series: ReadonlyMap<string, Series>;

  /** `ledger`: what is known under the bucket's prefix. */
  constructor(frame: Frame, ledger: ReadonlyMap<string, LedgerValue>) {
    this.#frame = frame;
    this.#series = lastRuns(ledger);
  }

  /** The final telling, with the last count seen, of every series that has had none. `read`: the last reading, epoch ms. */
  close(read: number): Observation[] {
    const open = [...this.#series.values()].filter(({ final }) => final !== true);
    return open.map((series) => this.#end(series, read));
  }

  /**
   * What a reading tells. With `rebase`, only what later readings add to it counts: what it shows was
   * told before, in other buckets. `lastRead` is the reading before it, epoch ms.
   */
  tell(rows: readonly unknown[], context: { rebase: boolean; lastRead: number }): Observation[] {
    const next = ordinals();
    // Falling counts, so that rows which share an id keep their places while they grow.
    const fitting = rows
      .filter(isRow)
      .toSorted((one, other) => other.declinedReqCount - one.declinedReqCount)
      .flatMap((one) => this.#count(one, { ordinal: next(one.id), ...context }));
    const keyOf = malformedKeys();
    return [...fitting, ...rows.filter((one) => !isRow(one)).map((one) => this.#malformed(one, keyOf))];
  }

  #count(
    row: Counted,
    { ordinal, rebase, lastRead }: { ordinal: number; rebase: boolean; lastRead: number },
  ): Observation[] {
    const total = row.declinedReqCount;
    const begin = (run: number, base: number) =>
      this.#observe({ run, base, ordinal, row, count: total - base });
    const known = this.#series.get(seriesId({ ordinal, row }));
    if (rebase) return [begin((known?.run ?? 0) + 1, total)];
    if (known === undefined) return [begin(1, 0)];
    const told = known.row.declinedReqCount;
    // The bucket was closed too early, by a clock that was ahead: what its final telling said is not told again.
    if (known.final === true) return [begin(known.run + 1, total < told ? 0 : told)];
    if (total < told) return [this.#end(known, lastRead), begin(known.run + 1, 0)];
    return [begin(known.run, known.base)];
  }

  #observe(series: Series): Observation {
    const { run, base, ordinal, row, count } = series;
    return {
      key: `${bucketPrefix(this.#frame)}${run}|${seriesId(series)}`,
      record: { ...this.#frame, row },
      original: row,
      value: { count, base, run, ordinal, row: row as LedgerValue },
      at: this.#frame.from,
    };
  }

  #end(series: Series, read: number): Observation {
    const { id, declinedReqCount } = series.row;
    // It is not told from the ledger again: only a closed bucket that is shown once more asks what it was at.
    const { key, value, at } = this.#observe({ ...series, row: { id, declinedReqCount } });
    const record = { ...this.#frame, read, row: series.row };
    return {
      key,
      record,
      final: true,
      ...(value !== undefined && { value }),
      ...(at !== undefined && { at }),
    };
  }

  /** The pipeline tells it as `pipeline_error`, once, and again when its count, which alone is compared, is another. */
  #malformed(row: unknown, keyOf: (name: unknown) => string): Observation {
    const { id, declinedReqCount } = membersOf(row);
    const key = bucketPrefix(this.#frame) + keyOf(isId(id) ? ['id', id, declinedReqCount] : row);
    return { key, record: { ...this.#frame, row }, original: row, at: this.#frame.from };
  }
}

function isRow(one: unknown): one is Counted {
  return counted.safeParse(one).success;
}

/** Counts how often each name came: 1, 2, … */
function ordinals(): (name: string) => number {
  const seen = new Map<string, number>();
  return (name) => {
    const ordinal = (seen.get(name) ?? 0) + 1;
    seen.set(name, ordinal);
    return ordinal;
  };
}
