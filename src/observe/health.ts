import type { Condition, Reason, Trouble } from '../core/state.ts';
import type { Snapshot } from './snapshot.ts';

/** A reason as `/readyz` shows it. */
export interface Complaint extends Trouble {
  /** `source console`, `destination siem`, `journal`, `state` or `configuration`. */
  readonly subject: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** Reasons within their allowance too. */
  readonly reasons: readonly Complaint[];
}

/** How long a reason may last before it counts, where the configuration sets none. Milliseconds. */
const ALLOWANCES: Partial<Record<Reason, number>> = { 'destination-unreachable': 300_000 };

/** What `/readyz` covers: everything, or only the process, its state and its configuration. */
export type ReadinessScope = 'everything' | 'process';

/** Problems of the process itself: one bad token among 300 sources does not make a Pod unready. */
const OF_PROCESS: readonly Reason[] = ['overflowing', 'state-unavailable', 'reload-failed'];

/** Whether the process is ready, and every reason that holds. `allowances`: milliseconds by reason. */
export function readiness(
  snapshot: Snapshot,
  allowances: Readonly<Record<string, number>> = {},
  scope: ReadinessScope = 'everything',
): Readiness {
  const allowed = { ...ALLOWANCES, ...allowances };
  const isOver = ({ reason, since }: Trouble) => snapshot.at - since >= (allowed[reason] ?? 0);
  // A wrong configuration must not take a process out of service that keeps running with the previous one.
  const counts = (trouble: Trouble) => trouble.reason !== 'reload-failed' && isOver(trouble);
  const reasons = complaints(snapshot)
    .filter(({ reason }) => scope === 'everything' || OF_PROCESS.includes(reason))
    // A receiver that is briefly unreachable is not reported at all before its allowance is over.
    .filter((complaint) => complaint.reason !== 'destination-unreachable' || isOver(complaint));
  return { ready: !reasons.some(counts), reasons };
}

function complaints({ sources, destinations, journal, reloadFailed }: Snapshot): readonly Complaint[] {
  return [
    ...sources.flatMap(({ config, troubles }) => about(`source ${config.name}`, troubles)),
    ...destinations.flatMap(({ name, troubles }) => about(`destination ${name}`, troubles)),
    ...about('journal', journal.troubles),
    ...reloadComplaints(reloadFailed),
  ];
}

function about(subject: string, troubles: readonly Trouble[]): readonly Complaint[] {
  return troubles.map((trouble) => ({ subject, ...trouble }));
}

/** That the last configuration that was read is not used; none when it is. */
export function reloadComplaints(failed: Condition | undefined): readonly Complaint[] {
  if (failed === undefined) return [];
  return [{ subject: 'configuration', reason: 'reload-failed', since: failed.since, detail: failed.reason }];
}
