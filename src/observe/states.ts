import type { SourceConfig } from '../config/types.ts';
import type { StreamState } from '../journal/collection.ts';
import { predictedPoll, type Schedule } from '../core/schedule.ts';
import { showDuration } from '../core/text.ts';
import {
  type Condition,
  type SourceConditions,
  type SourceReport,
  type State,
  stateOf,
  type Trouble,
} from '../core/state.ts';

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

/** A sweep may be missed, and the next one be late, before anybody is told. */
const PATIENCE = 3;

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
  /** What the process that polls has seen; without it, only what else is durable counts. */
  readonly report?: Pick<SourceReport, 'since' | 'lastSweep'> | undefined;
  readonly now: number;
}

/**
 * Whether no complete sweep ended within three times the larger of the source's interval and its predicted sweep.
 * One that never was complete is stale from the beginning; a stream that is new beside others that were is given the
 * same time.
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
 * The same for the state of a source: one that never was complete is only starting, until a first sweep should have been
 * complete as well.
 */
export function staleForState(subject: Subject): Condition | undefined {
  const stale = staleness(subject);
  if (stale === undefined) return undefined;
  const condition = { since: stale.since, reason: stale.detail };
  if (subject.status.lastComplete !== undefined) return condition;
  const since = (knownSince(subject) ?? subject.now) + allowance(subject);
  return since < subject.now ? { ...condition, since } : undefined;
}

/** When a source was first known of, as far as that can be told. Epoch ms. */
export function knownSince({ status, report }: Pick<Subject, 'status' | 'report'>): number | undefined {
  const times = status.streams.flatMap(({ knownSince: since }) => since ?? []);
  return times.length === 0 ? report?.since : Math.min(...times);
}

/** How long a stream may go unread before its source is stale. Milliseconds. */
function allowance({ status: { config, streams }, schedule, report }: Omit<Subject, 'now'>): number {
  return Math.max(patienceWith(config, streams.length, schedule), PATIENCE * (report?.lastSweep ?? 0));
}

/** How long a source with so many streams may take between two complete polls, by its schedule and budget. Milliseconds. */
export function patienceWith(config: SourceConfig, streams: number, { interval }: Schedule): number {
  return PATIENCE * Math.max(interval, predictedPoll(config, streams));
}

/** A stream by its source and, where the source has parts, the part. */
export interface OverdueStream {
  readonly source: string;
  /** `source`, or `source/scope`. */
  readonly name: string;
}

/** The streams that were not completely read for longer than readiness allows; of one that never was, since it is known. */
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
