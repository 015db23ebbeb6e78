import { multiset } from '../../support/truth.ts';
import type { Verdict } from './vendor.ts';

/** Multisets of records in words. */
interface Sets {
  /** What must have been collected. */
  readonly due: readonly string[];
  /** What may have been collected beside it. */
  readonly more?: readonly string[];
  readonly collected: readonly string[];
}

/** What was due and not collected, and what was collected and never was there, or more often than that. */
export function difference({ due, more = [], collected }: Sets): Verdict {
  return { lost: without(due, collected), asNew: without(collected, [...due, ...more]) };
}

/** These but for the others, one for each. */
export function without(these: readonly string[], others: readonly string[]): readonly string[] {
  const left = multiset(others);
  return these.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}
