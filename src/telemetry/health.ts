import type { Standing } from '../deliver/standing.ts';
import type { Room } from '../journal/journal.ts';
import type { Reason, Trouble } from './reason.ts';
import type { Snapshot } from './snapshot.ts';
import { staleness } from './staleness.ts';
import type { SourceWatch } from './source-watch.ts';
import type { DestinationStatus, SourceStatus } from './status.ts';
import type { Schedule } from '../schedule/schedule.ts';

interface SourceMoment {
  readonly status: SourceStatus;
  readonly schedule: Schedule;
  readonly watch: SourceWatch;
  readonly now: number;
}

export function sourceTroubles(moment: SourceMoment): readonly Trouble[] {
  const stale = staleness(moment);
  return [...(stale === undefined ? [] : [stale]), ...moment.watch.troubles];
}

/** `now` and the times of `standing` are of our clock; a destination that is paused is not unreachable as well. */
export function destinationTroubles(
  { paused, since }: DestinationStatus,
  standing: Standing,
  now: number,
): readonly Trouble[] {
  if (paused !== undefined) {
    return [{ reason: 'destination-paused', since: since ?? now, detail: paused }];
  }
  if (standing.kind !== 'waiting') return [];
  const detail = standing.reason ?? 'It does not take records now.';
  return [{ reason: 'destination-unreachable', since: standing.since, detail }];
}

const OVERFLOWING: Readonly<Record<Exclude<Room, 'free'>, string>> = {
  full: 'The journal is at state.max_bytes: sources that can be asked again have stopped polling until it is delivered.',
  brim: 'The journal is beyond state.max_bytes, or its disk is nearly full: nothing is polled until it is delivered.',
};

export function journalTroubles(room: Room, since: number): readonly Trouble[] {
  return room === 'free' ? [] : [{ reason: 'overflowing', since, detail: OVERFLOWING[room] }];
}

/** A reason as `/readyz` tells it. */
export interface Complaint extends Trouble {
  /** `source console`, `destination siem`, `journal` or `state`. */
  readonly subject: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** Also those that are still allowed for. */
  readonly reasons: readonly Complaint[];
}

/** How long a reason may last before it counts, where the configuration does not say. Milliseconds. */
const ALLOWANCES: Partial<Record<Reason, number>> = { 'destination-unreachable': 300_000 };

/** Whether everything is as it should be. `allowances`: milliseconds by reason. */
export function readiness(snapshot: Snapshot, allowances: Readonly<Record<string, number>> = {}): Readiness {
  const allowed = { ...ALLOWANCES, ...allowances };
  const isOver = ({ reason, since }: Trouble) => snapshot.at - since >= (allowed[reason] ?? 0);
  const reasons = complaints(snapshot)
    // A receiver that is away for a moment is no news: it becomes a reason when its time is over.
    .filter((complaint) => complaint.reason !== 'destination-unreachable' || isOver(complaint));
  return { ready: !reasons.some(isOver), reasons };
}

function complaints({ sources, destinations, journal }: Snapshot): readonly Complaint[] {
  return [
    ...sources.flatMap(({ config, troubles }) => about(`source ${config.name}`, troubles)),
    ...destinations.flatMap(({ name, troubles }) => about(`destination ${name}`, troubles)),
    ...about('journal', journal.troubles),
  ];
}

function about(subject: string, troubles: readonly Trouble[]): readonly Complaint[] {
  return troubles.map((trouble) => ({ subject, ...trouble }));
}
