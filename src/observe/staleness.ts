import { showDuration } from '../core/show-duration.ts';
import type { SourceConfig } from '../config/types.ts';
import { predictedPoll, type Schedule } from '../core/schedule.ts';
import type { Condition, SourceReport, Trouble } from '../core/state.ts';
import type { SourceStatus } from './status.ts';

/** A sweep may be missed, and the next one be late, before anybody is told. */
const PATIENCE = 3;

/** Of a source's status. */
export type Swept = Pick<SourceStatus, 'config' | 'streams' | 'lastComplete' | 'lastError'>;

interface Subject {
  readonly status: Swept;
  readonly schedule: Schedule;
  /** What the process that polls has seen; without it, only what else is durable counts. */
  readonly seen?: Pick<SourceReport, 'since' | 'lastSweep'> | undefined;
  readonly now: number;
}

/**
 * Whether no complete sweep ended within three times the larger of the source's interval and its predicted sweep.
 * One that never was complete is stale from the beginning; a stream that is new beside others that were is given the
 * same time.
 */
export function staleness({ status, schedule, seen, now }: Subject): Trouble | undefined {
  const { streams, lastComplete } = status;
  const allowed = allowance({ status, schedule, seen });
  if (lastComplete === undefined) {
    return {
      reason: 'stale',
      since: knownSince({ status, seen }) ?? now,
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
export function knownSince({ status, seen }: Pick<Subject, 'status' | 'seen'>): number | undefined {
  const times = status.streams.flatMap(({ knownSince: since }) => since ?? []);
  return times.length === 0 ? seen?.since : Math.min(...times);
}

/** How long a stream may go unread before its source is stale. Milliseconds. */
function allowance({ status: { config, streams }, schedule, seen }: Omit<Subject, 'now'>): number {
  return Math.max(patienceWith(config, streams.length, schedule), PATIENCE * (seen?.lastSweep ?? 0));
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

function because({ lastError }: Swept): string {
  return lastError === undefined ? '' : ` Last error: ${lastError}`;
}
