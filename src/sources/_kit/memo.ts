import type { SourceContext } from '../../core/source.ts';

type Memo = Pick<SourceContext<unknown>, 'memo'>;

/** Whether this is the first call with this notice in the process, for warnings that are logged once. */
export function isFirst({ memo }: Memo, notice: string): boolean {
  const first = !memo.has(notice);
  memo.set(notice, true);
  return first;
}

interface Kept<T> {
  readonly value: T;
  /** By the vendor's clock, epoch ms. */
  readonly readAt: number;
}

/** Something that a source reads beside its records, such as a directory of names, and keeps in memory for a while. */
export class Cached<T> {
  readonly #name: string;
  readonly #life: number;

  /** `name`: in the memo of the source. `life`: how long it is fresh, ms. */
  constructor(name: string, life: number) {
    this.#name = name;
    this.#life = life;
  }

  /** What was read last, however old it is. */
  last(context: Memo): T | undefined {
    return this.#kept(context)?.value;
  }

  /** What was read last, if that is not long ago. */
  fresh(context: Memo & Pick<SourceContext<unknown>, 'now'>): T | undefined {
    const kept = this.#kept(context);
    return kept !== undefined && Math.abs(context.now() - kept.readAt) < this.#life ? kept.value : undefined;
  }

  keep({ memo }: Memo, value: T, readAt: number): void {
    memo.set(this.#name, { value, readAt } satisfies Kept<T>);
  }

  #kept({ memo }: Memo): Kept<T> | undefined {
    return memo.get(this.#name) as Kept<T> | undefined;
  }
}
