import type { BacklogLimit } from '../config/types.ts';
import { hull } from '../core/span.ts';
import type { MissedEvents, Position, StoredDestination } from './delivery.ts';

/** How long a destination that left the configuration still holds back trimming. Milliseconds. */
const HOLDS_BACK_FOR = 7 * 24 * 60 * 60 * 1000;
/** `last_named` of the configured destinations is renewed this often: a daemon may run for months. Milliseconds. */
export const RENEWED_EVERY = 60 * 60 * 1000;
/** No backlog that has a limit may take more of `state.max_bytes`, so that there is room for the next pages. */
const LARGEST_SHARE = 0.75;

/** The position of a destination that was never opened. */
export const START: Position = { sequence: 0, offset: 0 };

/** What a backlog may hold: more than so many bytes, or pages committed before a time (epoch ms), are beyond it. */
export interface BacklogLimits {
  readonly bytes: number;
  readonly before: number;
}

/** The limits of a backlog at a time. `maxBytes`: `state.max_bytes`. */
export function backlogLimits(limit: BacklogLimit, maxBytes: number, now: number): BacklogLimits {
  const cap = maxBytes * LARGEST_SHARE;
  return 'bytes' in limit
    ? { bytes: Math.min(cap, limit.bytes), before: 0 }
    : { bytes: cap, before: now - limit.age };
}

/**
 * The position that every destination which counts has reached: those configured, and those that were until recently.
 * Undefined when there is none, and then nothing may be trimmed.
 */
export function slowestOf(
  destinations: readonly StoredDestination[],
  named: ReadonlySet<string>,
  now: number,
): Position | undefined {
  return destinations
    .filter(({ name, lastNamed }) => named.has(name) || now - lastNamed < HOLDS_BACK_FOR)
    .map(({ position }) => position)
    .toSorted((a, b) => a.sequence - b.sequence || a.offset - b.offset)[0];
}

/** What was missed in both. */
export function addMissed(one: MissedEvents, other: MissedEvents): MissedEvents {
  const names = [...new Set([...Object.keys(one.sources), ...Object.keys(other.sources)])];
  return {
    ...hull([one, other]),
    events: one.events + other.events,
    sources: Object.fromEntries(
      names.map((name) => [name, (one.sources[name] ?? 0) + (other.sources[name] ?? 0)]),
    ),
  };
}
