import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import * as z from 'zod';
import type { Rows } from '../../core/rows.ts';
import type { LedgerValue, Observation, Span, StreamContext } from '../../core/source.ts';
import { isId, malformedKeys, membersOf } from '../_kit/keys.ts';
import { counted, type Counted, type DeclinedRequests, isCounted } from './normalise.ts';

/**
 * What the ledger keeps of a series in its bucket. A count only grows within one run of counting: when the vendor's count
 * falls, the next run begins. The pipeline computes every delta, as the difference between two counts of a run.
 */
const series = z.object({
  /** 1, 2, … without a hole. */
  run: z.number(),
  /** The vendor's count when the run began, if an earlier run had emitted that much. The run's `count` is without it. */
  base: z.number(),
  /** 1, or more for a row whose id is in one answer several times. */
  ordinal: z.number(),
  /** As the vendor sent it. */
  row: counted,
  /** Added by the pipeline when the count was emitted as final. */
  final: z.boolean().optional(),
});

type Series = z.output<typeof series>;
type Named = Pick<Series, 'ordinal' | 'row'>;

/** What a record says besides its row: the same for all rows of a bucket. */
export type Frame = Omit<DeclinedRequests, 'row' | 'read'>;

/** Begins the ledger keys of a bucket: its start in UTC. */
export function bucketPrefix({ from }: Pick<Span, 'from'>): string {
  return `${new Date(from).toISOString()}|`;
}

interface Reading {
  /** Only what later readings add counts: what this one shows was already counted in other buckets. */
  readonly rebase: boolean;
  /** The time of the previous reading, epoch ms. */
  readonly lastRead: number;
}

/** Turns snapshots of one bucket into counters, whose deltas sum up to the vendor's counts. */
export class BucketCount {
  readonly #frame: Frame;
  readonly #ledger: Pick<StreamContext<unknown>, 'known' | 'ledger'>;

  constructor(frame: Frame, ledger: Pick<StreamContext<unknown>, 'known' | 'ledger'>) {
    this.#frame = frame;
    this.#ledger = ledger;
  }

  /** The counters of a reading, some at a time. */
  async *count(rows: Rows, reading: Reading): AsyncGenerator<readonly Observation[]> {
    const ordinals = await CountOrdinals.of(rows);
    const keyOf = malformedKeys();
    for (const batch of rows.batches) {
      const all = batch.rows();
      // By falling counts, like their ordinals.
      const fitting = all
        .filter(isCounted)
        .toSorted((one, other) => other.declinedReqCount - one.declinedReqCount)
        .map((row) => ({ row, ordinal: ordinals.next(row) }));
      const known = await this.#lastRuns(fitting);
      yield [
        ...fitting.flatMap((named) => this.#advance(named, known.get(nameOf(named)), reading)),
        ...all.filter((row) => !isCounted(row)).map((row) => this.#malformed(row, keyOf)),
      ];
    }
  }

  /** The final counts of all series that have none yet, some at a time. `read`: the last reading, epoch ms. */
  async *close(read: number): AsyncGenerator<readonly Observation[]> {
    for await (const known of this.#ledger.ledger(bucketPrefix(this.#frame))) {
      const open = seriesOf(known).filter(({ final }) => final !== true);
      const later = await this.#ledger.known(open.map((one) => this.#keyOf({ ...one, run: one.run + 1 })));
      const last = open.filter((one) => !later.has(this.#keyOf({ ...one, run: one.run + 1 })));
      if (last.length > 0) yield last.map((one) => this.#end(one, read));
    }
  }

  async #lastRuns(asked: readonly Named[]): Promise<ReadonlyMap<string, Series>> {
    const last = new Map<string, Series>();
    let left = asked;
    for (let run = 1; left.length > 0; run += 1) {
      const found = seriesOf(await this.#ledger.known(left.map((one) => this.#keyOf({ ...one, run }))));
      for (const one of found) last.set(nameOf(one), one);
      const more = new Set(found.map(nameOf));
      left = left.filter((one) => more.has(nameOf(one)));
    }
    return last;
  }

  #advance(named: Named, known: Series | undefined, { rebase, lastRead }: Reading): Observation[] {
    const shown = named.row.declinedReqCount;
    const inRun = (run: number, base: number) => this.#observe({ ...named, run, base });
    if (rebase) return [inRun((known?.run ?? 0) + 1, shown)];
    if (known === undefined) return [inRun(1, 0)];
    const before = known.row.declinedReqCount;
    // The bucket was closed too early, by a clock that was ahead. What its final count included is not counted again.
    if (known.final === true) return [inRun(known.run + 1, shown < before ? 0 : before)];
    if (shown < before) return [this.#end(known, lastRead), inRun(known.run + 1, 0)];
    return [inRun(known.run, known.base)];
  }

  #keyOf({ run, ...named }: Named & Pick<Series, 'run'>): string {
    return `${bucketPrefix(this.#frame)}${run}|${nameOf(named)}`;
  }

  #observe({ run, base, ordinal, row }: Omit<Series, 'final'>): Observation & { value: LedgerValue } {
    const count = row.declinedReqCount - base;
    return {
      key: this.#keyOf({ run, ordinal, row }),
      record: { ...this.#frame, row },
      original: row,
      value: { count, base, run, ordinal, row: row as LedgerValue },
      at: this.#frame.from,
    };
  }

  #end(ended: Series, read: number): Observation {
    const { id, declinedReqCount } = ended.row;
    // No more events are made from the ledger; a closed bucket that is shown again only needs the count.
    const { key, value, at } = this.#observe({ ...ended, row: { id, declinedReqCount } });
    const record = { ...this.#frame, read, row: ended.row };
    return { key, record, value, final: true, ...(at !== undefined && { at }) };
  }

  /** A `pipeline_error`, emitted once, and again when its count is another. */
  #malformed(row: unknown, keyOf: (name: unknown) => string): Observation {
    const { id, declinedReqCount } = membersOf(row);
    const key = bucketPrefix(this.#frame) + keyOf(isId(id) ? ['id', id, declinedReqCount] : row);
    return { key, record: { ...this.#frame, row }, original: row, at: this.#frame.from };
  }
}

/** Identifies a series in its bucket, whatever the run. */
function nameOf({ ordinal, row: { id } }: Named): string {
  return `${ordinal}|${id}`;
}

function seriesOf(known: ReadonlyMap<string, LedgerValue>): Series[] {
  // A malformed row has no value.
  return [...known.values()].flatMap((value) => series.safeParse(value).data ?? []);
}

/**
 * Numbers rows that share an id from 1, by falling counts over the whole answer, so that they keep their numbers while they
 * grow.
 */
class CountOrdinals {
  /** The next ordinal of each count, for ids that come several times. */
  readonly #shared: ReadonlyMap<string, Map<number, number>>;

  private constructor(shared: ReadonlyMap<string, Map<number, number>>) {
    this.#shared = shared;
  }

  static async of(rows: Rows): Promise<CountOrdinals> {
    const counts = new Map<string, number | number[]>();
    for (const batch of rows.batches) {
      for (const row of batch.rows()) {
        if (!isCounted(row)) continue;
        const short = shortOf(row);
        const before = counts.get(short);
        if (before === undefined) counts.set(short, row.declinedReqCount);
        else if (typeof before === 'number') counts.set(short, [before, row.declinedReqCount]);
        else before.push(row.declinedReqCount);
      }
      await turn();
    }
    const shared = [...counts].flatMap(([short, all]) =>
      typeof all === 'number' ? [] : [[short, firstOrdinals(all)] as const],
    );
    return new CountOrdinals(new Map(shared));
  }

  /** To be called once for each row. */
  next(row: Counted): number {
    const ordinals = this.#shared.get(shortOf(row));
    const ordinal = ordinals?.get(row.declinedReqCount) ?? 1;
    ordinals?.set(row.declinedReqCount, ordinal + 1);
    return ordinal;
  }
}

/** The first ordinal of each count. */
function firstOrdinals(counts: readonly number[]): Map<number, number> {
  const first = new Map<number, number>();
  for (const [index, count] of counts.toSorted((one, other) => other - one).entries()) {
    if (!first.has(count)) first.set(count, index + 1);
  }
  return first;
}

/** An id in few bytes, because all ids of an answer are in memory at once. */
function shortOf({ id }: Counted): string {
  return hash('sha256', id, 'binary');
}
