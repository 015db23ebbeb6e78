import type { Live } from './live.ts';

/** What a process has done since some moment; all counts of events but `gaps`. */
export interface Totals {
  /** Journaled: new, updated and malformed records. */
  readonly collected: number;
  /** Accepted by destinations: what two of them accept counts twice. */
  readonly delivered: number;
  /** Put to the dead letters. */
  readonly rejected: number;
  /** Recorded. */
  readonly gaps: number;
}

/** What this process has done since it started, reloads included. */
export function totalsOf({ watched }: Live): Totals {
  const { sources, destinations } = watched;
  return {
    collected: sum(sources.map(({ events }) => events.new + events.updated + events.malformed)),
    delivered: sum(destinations.map(({ delivered }) => delivered)),
    rejected: sum(destinations.map(({ deadLetters }) => deadLetters)),
    gaps: sum(sources.map(({ gaps }) => gaps)),
  };
}

/** What was done between two moments. */
export function since(before: Totals, now: Totals): Totals {
  return {
    collected: now.collected - before.collected,
    delivered: now.delivered - before.delivered,
    rejected: now.rejected - before.rejected,
    gaps: now.gaps - before.gaps,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
