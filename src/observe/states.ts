import type { SourceConfig } from '../config/types.ts';
import type { StreamState } from '../journal/collection.ts';
import { predictedPoll, type Schedule } from '../core/schedule.ts';
import { counted, showDuration } from '../core/text.ts';
import {
  type Condition,
  type SourceConditions,
  type SourceReport,
  type State,
  stateOf,
  type Trouble,
} from '../core/state.ts';

/** The states of a source. If several hold, the first in this order counts. */
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
  /** When it was first known, if that is recorded. */
  readonly knownSince: number | undefined;
  readonly nextDue: number | undefined;
  readonly now: number;
}

/** The state of a source: the one function behind `status`, the status page, readiness, metrics and the log. */
export function sourceState(facts: SourceFacts): SourceState {
  const { conditions, stale, lastComplete, knownSince, nextDue, now } = facts;
  const { refused, waiting, throttled, failing } = conditions;
  if (refused !== undefined) {
    // It is polled when it is due, but not before it may be tried again.
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

/** Whether requests still have to wait. */
export function isThrottled({ until }: Condition, now: number): boolean {
  return until !== undefined && until > now;
}

/** The states of a destination. If several hold, the first in this order counts. */
export const DESTINATION_STATES = ['paused', 'unreachable', 'rejecting', 'healthy'] as const;

export type DestinationState = State<(typeof DESTINATION_STATES)[number]>;

/** All that the state of a destination depends on. Times are epoch milliseconds. */
export interface DestinationFacts {
  /** It rejects every request until an operator corrects something. */
  readonly paused: Condition | undefined;
  /** No answer, 429 or 5xx to the latest request; `since` the first of them. */
  readonly unreachable: Condition | undefined;
  /** Events skipped since it stopped accepting, because its backlog exceeded backlog.max. */
  readonly skipped?: number;
  /** Events that it rejected, or that were too old to be sent. */
  readonly deadLetters: {
    readonly count: number;
    readonly since: number | undefined;
    readonly lastReason: string | undefined;
  };
  readonly now: number;
}

/** The state of a destination: the one function behind `status`, the status page, readiness, metrics and the log. */
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
    const events = `${counted(count, 'event was', 'events were')} rejected`;
    const last = lastReason === undefined ? '.' : `; the last reason: ${lastReason}`;
    return { name: 'rejecting', since, reason: `${events}${last}`, until: undefined };
  }
  return { name: 'healthy', since: undefined, reason: undefined, until: undefined };
}

/** Adds to the reason how many events the destination misses meanwhile. */
function withSkipped(condition: Condition, skipped: number): Condition {
  if (skipped === 0) return condition;
  const events = counted(skipped, 'event was', 'events were');
  const reason = `${condition.reason.replace(/\.$/, '')}; ${events} skipped for it (backlog.max): see \`penstock gaps\``;
  return { ...condition, reason };
}

/** A source is stale after this many intervals, so that one missed and one late poll raise no alarm. */
const STALE_INTERVALS = 3;

/** What the journal says of the polls of a source. */
export interface Polled {
  readonly config: SourceConfig;
  /** Without those that the vendor or the configuration no longer has. */
  readonly streams: readonly StreamState[];
  /** The end of the oldest "last complete poll" among the streams that had one. Epoch ms. */
  readonly lastComplete: number | undefined;
  readonly lastError: string | undefined;
}

interface Subject {
  readonly status: Polled;
  readonly schedule: Schedule;
  /** What the polling process reports; without it, only the journal counts. */
  readonly report?: Pick<SourceReport, 'since' | 'pollDuration'> | undefined;
  readonly now: number;
}

/**
 * The readiness rule: a source is stale when no complete poll ended within three times the larger of its interval and
 * its predicted poll. A source without any complete poll is stale from the start; a new stream beside polled ones gets
 * the same allowance.
 */
export function staleness({ status, schedule, report, now }: Subject): Trouble | undefined {
  const { streams, lastComplete } = status;
  const allowed = allowance({ status, schedule, report });
  if (lastComplete === undefined) {
    return {
      reason: 'stale',
      since: knownSince({ status, report }) ?? now,
      detail: `No complete poll has ended yet.${because(status)}`,
    };
  }
  const waiting = streams
    .filter((stream) => stream.lastComplete === undefined)
    .map((stream) => stream.knownSince ?? now);
  const since = Math.min(lastComplete, ...waiting) + allowed;
  if (since >= now) return undefined;
  const last = new Date(Math.min(lastComplete, ...waiting)).toISOString();
  const detail = `No complete poll of every stream has ended since ${last}; one is expected every ${showDuration(allowed)}.${because(status)}`;
  return { reason: 'stale', since, detail };
}

/**
 * The readiness rule as a state: a source without any complete poll is `starting` until its first one should have
 * ended.
 */
export function staleForState(subject: Subject): Condition | undefined {
  const stale = staleness(subject);
  if (stale === undefined) return undefined;
  const condition = { since: stale.since, reason: stale.detail };
  if (subject.status.lastComplete !== undefined) return condition;
  const since = (knownSince(subject) ?? subject.now) + allowance(subject);
  return since < subject.now ? { ...condition, since } : undefined;
}

/** When a source was first known, if that is recorded. Epoch ms. */
export function knownSince({ status, report }: Pick<Subject, 'status' | 'report'>): number | undefined {
  const times = status.streams.flatMap(({ knownSince: since }) => since ?? []);
  return times.length === 0 ? report?.since : Math.min(...times);
}

/** How long a stream may go without a complete poll before its source is stale. Milliseconds. */
function allowance({ status: { config, streams }, schedule, report }: Omit<Subject, 'now'>): number {
  return Math.max(
    staleAfter(config, streams.length, schedule),
    STALE_INTERVALS * (report?.pollDuration ?? 0),
  );
}

/** The longest time between two complete polls of a source with so many streams, by its schedule and quota. Milliseconds. */
export function staleAfter(config: SourceConfig, streams: number, { interval }: Schedule): number {
  return STALE_INTERVALS * Math.max(interval, predictedPoll(config, streams));
}

/** A stream that was not read for too long. */
export interface OverdueStream {
  readonly source: string;
  /** `source`, or `source/scope`. */
  readonly name: string;
}

/** The streams without a complete poll for longer than the readiness rule allows; a new stream counts from when it was known. */
export function overdueStreams(subject: Subject): readonly OverdueStream[] {
  const { status, now } = subject;
  const source = status.config.name;
  const allowed = allowance(subject);
  return status.streams
    .filter(({ lastComplete, knownSince }) => now - (lastComplete ?? knownSince ?? now) > allowed)
    .map(({ scope }) => ({ source, name: scope === '' ? source : `${source}/${scope}` }));
}

function because({ lastError }: Polled): string {
  return lastError === undefined ? '' : ` Last error: ${lastError}`;
}
