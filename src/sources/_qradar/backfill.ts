import { TimedOutError } from '../../core/errors.ts';
import type { Observation, BackfillPage, Span } from '../../core/source.ts';
import { keptClock } from './clock.ts';
import { type Attempt, isMisfit } from './observe.ts';
import type { ConsoleRun } from './options.ts';
import { explained, isSortRefusal } from './refusal.ts';
import { SHORTEST_SLICE } from './sweep.ts';
import { withNames } from './users.ts';
import { type Stretch, UnsortedError, walkSorted, walkUnsorted } from './walk.ts';

/** How a span is walked: what was learned of the console on the way. */
interface Manner {
  walk: typeof walkSorted;
  /** Milliseconds asked for at once. */
  slice: number;
}

type Part = Pick<BackfillPage, 'covered'> & { readonly attempts: readonly Attempt[] };

/**
 * Reads a past span window by window, in the order of time. A part tells exactly what lies in the time that it covers,
 * so that nothing but the coverage is needed to go on after it.
 *
 * @throws RefusedError with advice, as `poll`.
 */
export async function* readPast(lent: ConsoleRun, span: Span): AsyncGenerator<BackfillPage> {
  const run = { ...lent, http: keptClock(lent, undefined).http };
  const manner: Manner = { walk: walkSorted, slice: run.options.slice };
  const told = new Set<string>();
  let at = span.from;
  while (at < span.to) {
    const window = { from: at, to: Math.min(span.to, at + manner.slice) };
    try {
      for await (const { attempts, ...part } of exactly(manner.walk(run, window), told)) {
        const named = await withNames(run, attempts);
        yield { ...part, observations: named.map(observationOf) };
        at = part.covered?.to ?? at;
      }
    } catch (error) {
      adapt(manner, window.to - at, error);
      continue;
    }
    // The console's clock is not there yet: live polling reads the rest when it is settled.
    if (at < window.to) return;
    manner.slice = Math.min(run.options.slice, manner.slice * 2);
  }
}

/** What a failure teaches of the console; else it is thrown. */
function adapt(manner: Manner, left: number, error: unknown): void {
  if (error instanceof TimedOutError && left > SHORTEST_SLICE) {
    manner.slice = Math.max(SHORTEST_SLICE, Math.floor(left / 2));
    return;
  }
  const unsortable = error instanceof UnsortedError || isSortRefusal(error);
  if (!unsortable || manner.walk === walkUnsorted) throw explained(error);
  manner.walk = walkUnsorted;
}

/**
 * Holds back the rows at the very end of each stretch, which the next one shows again: after a kill between the two they
 * would be told twice. `told` knows the rows without a time, which every window may show.
 */
async function* exactly(stretches: AsyncIterable<Stretch>, told: Set<string>): AsyncGenerator<Part> {
  const held = new Map<string, Attempt>();
  for await (const { attempts, from, to, end } of stretches) {
    for (const attempt of attempts) held.set(attempt.key, attempt);
    const ready = [...held.values()].filter(({ at }) => end || at !== to);
    for (const { key } of ready) held.delete(key);
    const due = ready.filter((attempt) => !isMisfit(attempt) || !told.has(attempt.key));
    for (const attempt of due) if (isMisfit(attempt)) told.add(attempt.key);
    yield { attempts: due, ...(to > from && { covered: { from, to } }) };
  }
}

/** A row without a time has none by which it was covered. */
function observationOf(attempt: Attempt): Observation {
  return isMisfit(attempt) ? { key: attempt.key, record: attempt.record } : attempt;
}
