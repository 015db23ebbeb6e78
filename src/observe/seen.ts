import type { Json } from '../core/json.ts';
import type { Condition, DestinationReport, SourceReport } from '../core/state.ts';

/** What a process has seen: a daemon's own memory, or what it noted in the state for those beside it. */
export interface Seen {
  source(name: string): SourceReport;
  destination(name: string): DestinationReport;
  /** A configuration that was read again is not used. */
  readonly reloadFailed: Condition | undefined;
}

/** The subjects under which it is noted. */
export const SUBJECTS = {
  source: (name: string) => `source ${name}`,
  destination: (name: string) => `destination ${name}`,
  reload: 'reload',
} as const;

/** What was noted in the state. The rows are those that `noteSeen` wrote. */
export function storedSeen(rows: ReadonlyMap<string, Json>): Seen {
  return {
    source: (name) => (rows.get(SUBJECTS.source(name)) ?? { conditions: {} }) as unknown as SourceReport,
    destination: (name) => (rows.get(SUBJECTS.destination(name)) ?? {}) as DestinationReport,
    reloadFailed: rows.get(SUBJECTS.reload) as Condition | undefined,
  };
}
