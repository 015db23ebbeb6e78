import type { Journal } from '../journal/journal.ts';
import type { CollectContext } from './context.ts';

/** Orders by when the vendor was asked last, epoch ms; -Infinity: never, and so first. */
export function compareAsked(one: number, other: number): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/**
 * The sources in the order in which they are to begin: first the one with the stream that waited longest, since sources
 * may share a budget. Equal ones keep their order.
 */
export async function longestWaitingFirst<Unit extends { readonly context: CollectContext }>(
  journal: Pick<Journal, 'streams'>,
  units: readonly Unit[],
): Promise<readonly Unit[]> {
  if (units.length < 2) return units;
  const asked = new Map<string, number>();
  for (const { source, orphaned, asked: at = -Infinity } of await journal.streams())
    if (!orphaned) asked.set(source, Math.min(at, asked.get(source) ?? Infinity));
  const askedOf = ({ context }: Unit) => asked.get(context.config.name) ?? -Infinity;
  return units.toSorted((one, other) => compareAsked(askedOf(one), askedOf(other)));
}
