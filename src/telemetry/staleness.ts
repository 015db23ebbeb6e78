import { showDuration } from '../config/show-duration.ts';
import type { SourceConfig } from '../config/types.ts';
import type { Schedule } from '../schedule/schedule.ts';
import type { SourceStatus } from './status.ts';
import type { SourceWatch } from './source-watch.ts';
import type { Trouble } from './reason.ts';

/** A sweep may be missed, and the next one be late, before anybody is told. */
const PATIENCE = 3;

/** How long a sweep takes when each of so many streams costs one request of the main route's budget. Milliseconds. */
export function predictedSweep({ definition, options }: SourceConfig, streams: number): number {
  const quota = options.quota ?? definition.quotas(options)[0];
  return quota === undefined ? 0 : (streams * quota.per) / quota.requests;
}

interface Subject {
  readonly status: SourceStatus;
  readonly schedule: Schedule;
  /** What this process has seen; without it, only what is durable counts. */
  readonly watch?: SourceWatch | undefined;
  readonly now: number;
}

/**
 * Whether no complete sweep ended within three times the larger of the source's interval and its predicted sweep.
 * One that never was complete is stale from the beginning; a stream that is new beside others that were is given the
 * same time.
 */
export function staleness({ status, schedule, watch, now }: Subject): Trouble | undefined {
  const { streams, lastComplete } = status;
  const allowed = allowance({ status, schedule, watch });
  if (lastComplete === undefined) {
    return {
      reason: 'stale',
      since: watch?.since ?? now,
      detail: `No complete sweep has ended yet.${because(status)}`,
    };
  }
  const waiting = streams
    .filter((stream) => stream.lastComplete === undefined)
    .map(({ key }) => watch?.firstSeen(key) ?? now);
  const since = Math.min(lastComplete, ...waiting) + allowed;
  if (since >= now) return undefined;
  const last = new Date(Math.min(lastComplete, ...waiting)).toISOString();
  const detail = `No complete sweep of every stream has ended since ${last}; one is expected every ${showDuration(allowed)}.${because(status)}`;
  return { reason: 'stale', since, detail };
}

/** How long a stream may go unread before its source is stale. Milliseconds. */
function allowance({ status: { config, streams }, schedule, watch }: Omit<Subject, 'now'>): number {
  return Math.max(patienceWith(config, streams.length, schedule), PATIENCE * (watch?.lastSweep ?? 0));
}

/** How long a source with so many streams may take between two complete polls, by its schedule and budget. Milliseconds. */
export function patienceWith(config: SourceConfig, streams: number, { interval }: Schedule): number {
  return PATIENCE * Math.max(interval, predictedSweep(config, streams));
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

function because({ lastError }: SourceStatus): string {
  return lastError === undefined ? '' : ` Last error: ${lastError}`;
}
