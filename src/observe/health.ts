import type { Room } from '../journal/journal.ts';
import { OVERFLOWING, type Snapshot } from './snapshot.ts';
import type { Reason, Trouble } from '../core/state.ts';
import type { DestinationStatus, SourceStatus } from './status.ts';

/** `stale` by the readiness rule; the rest as the process has seen it. */
export function sourceTroubles({ stale }: SourceStatus, seen: readonly Trouble[]): readonly Trouble[] {
  return [...(stale === undefined ? [] : [stale]), ...seen];
}

const DESTINATION_REASONS = { paused: 'destination-paused', unreachable: 'destination-unreachable' } as const;

/** One that takes records is no trouble, also while it has dead letters. */
export function destinationTroubles({ state }: DestinationStatus): readonly Trouble[] {
  const { name, since = 0, reason: detail = '' } = state;
  if (name !== 'paused' && name !== 'unreachable') return [];
  return [{ reason: DESTINATION_REASONS[name], since, detail }];
}

export function journalTroubles(room: Room, since: number): readonly Trouble[] {
  return room === 'free' ? [] : [{ reason: 'overflowing', since, detail: OVERFLOWING[room] }];
}

/** A reason as `/readyz` tells it. */
export interface Complaint extends Trouble {
  /** `source console`, `destination siem`, `journal`, `state` or `configuration`. */
  readonly subject: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** Also those that are still allowed for. */
  readonly reasons: readonly Complaint[];
}

/** How long a reason may last before it counts, where the configuration does not say. Milliseconds. */
const ALLOWANCES: Partial<Record<Reason, number>> = { 'destination-unreachable': 300_000 };

/** What `/readyz` is asked about: everything, or only the process, its state and its configuration. */
export type Scope = 'everything' | 'process';

/** What the process itself is to blame for: one bad token of 300 does not make a Pod unready. */
const OF_PROCESS: readonly Reason[] = ['overflowing', 'state-unavailable', 'reload-failed'];

/** Whether everything is as it should be. `allowances`: milliseconds by reason. */
export function readiness(
  snapshot: Snapshot,
  allowances: Readonly<Record<string, number>> = {},
  scope: Scope = 'everything',
): Readiness {
  const allowed = { ...ALLOWANCES, ...allowances };
  const isOver = ({ reason, since }: Trouble) => snapshot.at - since >= (allowed[reason] ?? 0);
  // A configuration that is wrong must not take a process out of service that goes on with the old one.
  const counts = (trouble: Trouble) => trouble.reason !== 'reload-failed' && isOver(trouble);
  const reasons = complaints(snapshot)
    .filter(({ reason }) => scope === 'everything' || OF_PROCESS.includes(reason))
    // A receiver that is away for a moment is no news: it becomes a reason when its time is over.
    .filter((complaint) => complaint.reason !== 'destination-unreachable' || isOver(complaint));
  return { ready: !reasons.some(counts), reasons };
}

function complaints({ sources, destinations, journal, reloadFailed }: Snapshot): readonly Complaint[] {
  return [
    ...sources.flatMap(({ config, troubles }) => about(`source ${config.name}`, troubles)),
    ...destinations.flatMap(({ name, troubles }) => about(`destination ${name}`, troubles)),
    ...about('journal', journal.troubles),
    ...about('configuration', reloadTroubles(reloadFailed)),
  ];
}

function about(subject: string, troubles: readonly Trouble[]): readonly Complaint[] {
  return troubles.map((trouble) => ({ subject, ...trouble }));
}

/** That a configuration that was read again is not used. */
export function reloadTroubles(failed: Snapshot['reloadFailed']): readonly Trouble[] {
  return failed === undefined
    ? []
    : [{ reason: 'reload-failed', since: failed.since, detail: failed.reason }];
}
