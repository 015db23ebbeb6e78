import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { z } from 'zod';
import { isId, malformedKeys, membersOf } from '../_kit/keys.ts';
import type { Rows } from '../../core/rows.ts';
import type { LedgerValue, Observation, Span, StreamContext } from '../../core/source.ts';
import { counted, type Counted, type DeclinedRequests, isCounted } from './normalise.ts';

/** What a record says besides its row: the same for all rows of a bucket. */
export type Frame = Omit<DeclinedRequests, 'row' | 'read'>;

/** Begins the ledger keys of a bucket: its start in UTC. */
export function bucketPrefix({ from }: Pick<Span, 'from'>): string {
  return `${new Date(from).toISOString()}|`;
}

type Ledger = Pick<StreamContext<unknown>, 'known' | 'ledger'>;

interface Context {
  /** Only what later readings add counts: what this one shows was told before, in other buckets. */
  readonly rebase: boolean;
  /** The reading before it, epoch ms. */
  readonly lastRead: number;
}

/** Turns snapshots of one bucket into what is to be told: the series, run by run, that sum up to the vendor's counts. */
export class BucketCount {
  readonly #frame: Frame;
  readonly #ledger: Ledger;

  constructor(frame: Frame, ledger: Ledger) {
    this.#frame = frame;
    this.#ledger = ledger;
  }

  /**
   * The final telling, with the last count seen, of every series that has had none; some at a time. `read`: the last
   * reading, epoch ms.
   */
  async *close(read: number): AsyncGenerator<readonly Observation[]> {
    for await (const known of this.#ledger.ledger(bucketPrefix(this.#frame))) {
      const open = seriesOf(known).filter(({ final }) => final !== true);
      const later = await this.#ledger.known(open.map((one) => this.#keyOf({ ...one, run: one.run + 1 })));
      const last = open.filter((one) => !later.has(this.#keyOf({ ...one, run: one.run + 1 })));
      if (last.length > 0) yield last.map((one) => this.#end(one, read));
    }
  }

  /** What a reading tells, some at a time. */
  async *tell(rows: Rows, context: Context): AsyncGenerator<readonly Observation[]> {
    const ordinals = await Ordinals.of(rows);
    const keyOf = malformedKeys();
    for (const batch of rows.batches) {
      const all = batch.rows();
      // Falling counts, as they have their ordinals.
      const fitting = all
        .filter(isCounted)
        .toSorted((one, other) => other.declinedReqCount - one.declinedReqCount)
        .map((one) => ({ row: one, ordinal: ordinals.next(one) }));
      const known = await this.#lastRuns(fitting);
      const malformed = all.filter((one) => !isCounted(one)).map((one) => this.#malformed(one, keyOf));
      yield [...fitting.flatMap((one) => this.#count(one, known.get(seriesId(one)), context)), ...malformed];
    }
  }

  /** Runs are numbered without a hole. */
  async #lastRuns(asked: readonly Named[]): Promise<ReadonlyMap<string, Series>> {
    const last = new Map<string, Series>();
    let left = asked;
    for (let run = 1; left.length > 0; run += 1) {
      const found = seriesOf(await this.#ledger.known(left.map((one) => this.#keyOf({ ...one, run }))));
      for (const one of found) last.set(seriesId(one), one);
      const more = new Set(found.map(seriesId));
      left = left.filter((one) => more.has(seriesId(one)));
    }
    return last;
  }

  #count({ row, ordinal }: Named, known: Series | undefined, { rebase, lastRead }: Context): Observation[] {
    const total = row.declinedReqCount;
    const begin = (run: number, base: number) =>
      this.#observe({ run, base, ordinal, row, count: total - base });
    if (rebase) return [begin((known?.run ?? 0) + 1, total)];
    if (known === undefined) return [begin(1, 0)];
    const told = known.row.declinedReqCount;
    // The bucket was closed too early, by a clock that was ahead: what its final telling said is not told again.
    if (known.final === true) return [begin(known.run + 1, total < told ? 0 : told)];
    if (total < told) return [this.#end(known, lastRead), begin(known.run + 1, 0)];
    return [begin(known.run, known.base)];
  }

  #keyOf({ run, ...named }: Named & Pick<Series, 'run'>): string {
    return `${bucketPrefix(this.#frame)}${run}|${seriesId(named)}`;
  }

  #observe(series: Series): Observation {
    const { run, base, ordinal, row, count } = series;
    return {
      key: this.#keyOf(series),
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

type Named = Pick<Series, 'ordinal' | 'row'>;

function seriesOf(known: ReadonlyMap<string, LedgerValue>): Series[] {
  // A malformed row has no value.
  return [...known.values()].flatMap((value) => series.safeParse(value).data ?? []);
}

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

/**
 * The places of rows that share an id, from 1: by falling counts over the whole answer, so that they keep their places
 * while they grow.
 */
export class Ordinals {
  /** The next place of a count, by the names of ids that come more than once. */
  readonly #shared: ReadonlyMap<string, Map<number, number>>;

  private constructor(shared: ReadonlyMap<string, Map<number, number>>) {
    this.#shared = shared;
  }

  static async of(rows: Rows): Promise<Ordinals> {
    const counts = new Map<string, number | number[]>();
    for (const batch of rows.batches) {
      for (const row of batch.rows()) {
        if (!isCounted(row)) continue;
        const name = nameOf(row);
        const before = counts.get(name);
        if (before === undefined) counts.set(name, row.declinedReqCount);
        else if (typeof before === 'number') counts.set(name, [before, row.declinedReqCount]);
        else before.push(row.declinedReqCount);
      }
      await turn();
    }
    const shared = [...counts].flatMap(([name, all]) =>
      typeof all === 'number' ? [] : [[name, places(all)] as const],
    );
    return new Ordinals(new Map(shared));
  }

  /** Once for each row. */
  next(row: Counted): number {
    const places = this.#shared.get(nameOf(row));
    const place = places?.get(row.declinedReqCount) ?? 1;
    places?.set(row.declinedReqCount, place + 1);
    return place;
  }
}

/** Where equal counts begin. */
function places(counts: readonly number[]): Map<number, number> {
  const first = new Map<number, number>();
  for (const [index, count] of counts.toSorted((one, other) => other - one).entries()) {
    if (!first.has(count)) first.set(count, index + 1);
  }
  return first;
}

/** An id in few bytes: those of a whole answer are in memory. */
function nameOf({ id }: Counted): string {
  return hash('sha256', id, 'binary');
}
