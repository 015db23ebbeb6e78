import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Rows } from '../../core/rows.ts';
import { type Counted, isCounted } from './record.ts';

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
