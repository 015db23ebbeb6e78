import { type Condition, type SourceConditions, type State, stateOf } from '../core/state.ts';

/** How a source can be, the gravest first: of several that hold, the first counts. */
export const SOURCE_STATES = [
  'refused',
  'waiting',
  'throttled',
  'failing',
  'stale',
  'starting',
  'healthy',
] as const;

export type SourceState = State<(typeof SOURCE_STATES)[number]>;

/** All that the state of a source depends on. Times are epoch milliseconds. */
export interface SourceFacts {
  readonly conditions: SourceConditions;
  /** It lacks a complete poll for longer than the readiness rule allows. */
  readonly stale: Condition | undefined;
  readonly lastComplete: number | undefined;
  /** When it was known first, as far as that can be told. */
  readonly knownSince: number | undefined;
  readonly nextDue: number | undefined;
  readonly now: number;
}

/** How a source is: the one place that says so, for `status`, the page, readiness, metrics and the log. */
export function sourceState(facts: SourceFacts): SourceState {
  const { conditions, stale, lastComplete, knownSince, nextDue, now } = facts;
  const { refused, waiting, throttled, failing } = conditions;
  if (refused !== undefined) {
    // It is polled when it is due, and not before it may be tried.
    const until = refused.until === undefined ? undefined : Math.max(refused.until, nextDue ?? 0);
    return stateOf('refused', { ...refused, until: until === 0 ? undefined : until }, now);
  }
  if (waiting !== undefined) return stateOf('waiting', waiting, now);
  if (throttled !== undefined && isThrottled(throttled, now)) return stateOf('throttled', throttled, now);
  if (failing !== undefined) return stateOf('failing', { ...failing, until: nextDue }, now);
  if (stale !== undefined) return stateOf('stale', { ...stale, until: nextDue }, now);
  if (lastComplete === undefined) {
    const until = nextDue === undefined ? undefined : Math.max(nextDue, now);
    return { name: 'starting', since: knownSince, reason: 'No poll has ended yet.', until };
  }
  return { name: 'healthy', since: undefined, reason: undefined, until: undefined };
}

/** Whether a request still has to wait. */
export function isThrottled({ until }: Condition, now: number): boolean {
  return until !== undefined && until > now;
}
