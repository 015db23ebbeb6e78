import { FormIndex } from './form-index.ts';
import { SHORTEST, views } from './secret-forms.ts';
import type { View } from './unescape.ts';

const MASK = '[secret]';

/** What is masked, in the text as it came: from, and to before. */
type Range = readonly [from: number, to: number];

/** Finds many texts in one, in time that grows with that one alone. */
export class Masking {
  readonly #known = new Set<string>();
  readonly #index = new FormIndex();

  add(form: string): void {
    if (this.#known.has(form)) return;
    this.#known.add(form);
    this.#index.add(form);
  }

  /** `isCut`: the end of the text may be missing, so that the beginning of a form at its end is masked too. */
  mask(text: string, isCut = false): string {
    if (this.#known.size === 0 || text.length < SHORTEST) return text;
    const ranges = views(text).flatMap((view) => this.#find(view, isCut));
    return ranges.length === 0 ? text : replace(text, ranges);
  }

  #find({ text, origins }: View, isCut: boolean): Range[] {
    const ranges: Range[] = [];
    for (let at = 0; at <= text.length - SHORTEST; at += 1) {
      const length = this.#index.lengthAt(text, at, isCut);
      if (length > 0) ranges.push([origins[at] ?? 0, origins[at + length] ?? 0]);
    }
    return ranges;
  }
}

/** Ranges that overlap are one, so that a secret within another one leaves nothing of it. */
function replace(text: string, ranges: readonly Range[]): string {
  const united: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = united.at(-1);
    if (last !== undefined && from < last[1]) last[1] = Math.max(last[1], to);
    else united.push([from, to]);
  }
  let masked = '';
  let end = 0;
  for (const [from, to] of united) {
    masked += text.slice(end, from) + MASK;
    end = to;
  }
  return masked + text.slice(end);
}
