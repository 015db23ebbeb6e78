import { type Condition, type State, stateOf } from '../core/state.ts';

/** How a destination can be, the gravest first: of several that hold, the first counts. */
export const DESTINATION_STATES = ['paused', 'unreachable', 'rejecting', 'healthy'] as const;

export type DestinationState = State<(typeof DESTINATION_STATES)[number]>;

/** All that the state of a destination depends on. Times are epoch milliseconds. */
export interface DestinationFacts {
  /** It refuses everything as it is set up. */
  readonly paused: Condition | undefined;
  /** No answer, 429 or 5xx to the latest request; `since` the first of them. */
  readonly unreachable: Condition | undefined;
  /** Events that were skipped since it accepts none, because too many waited. */
  readonly skipped?: number;
  /** Held because it rejected them, or for their age. */
  readonly deadLetters: {
    readonly count: number;
    readonly since: number | undefined;
    readonly lastReason: string | undefined;
  };
  readonly now: number;
}

/** How a destination is: the one place that says so, for `status`, the page, readiness, metrics and the log. */
export function destinationState({
  paused,
  unreachable,
  deadLetters,
  skipped = 0,
  now,
}: DestinationFacts): DestinationState {
  if (paused !== undefined) return stateOf('paused', withSkipped(paused, skipped), now);
  if (unreachable !== undefined) return stateOf('unreachable', withSkipped(unreachable, skipped), now);
  const { count, since, lastReason } = deadLetters;
  if (count > 0) {
    const events =
      count === 1 ? '1 event is a dead letter' : `${count.toLocaleString('en')} events are dead letters`;
    const last = lastReason === undefined ? '.' : `; the last one: ${lastReason}`;
    return { name: 'rejecting', since, reason: `${events}${last}`, until: undefined };
  }
  return { name: 'healthy', since: undefined, reason: undefined, until: undefined };
}

/** A destination that is away and misses events for it says so. */
function withSkipped(condition: Condition, skipped: number): Condition {
  if (skipped === 0) return condition;
  const events = skipped === 1 ? '1 event was' : `${skipped.toLocaleString('en')} events were`;
  const reason = `${condition.reason.replace(/\.$/, '')}; ${events} skipped for it (backlog.max): see \`penstock gaps\``;
  return { ...condition, reason };
}
