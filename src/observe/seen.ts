import type { Json } from '../core/json.ts';
import type { Condition } from '../core/state.ts';
import type { SourceConditions } from './source-state.ts';

/** What the process that polls has seen of a source. */
export interface SourceSeen {
  readonly conditions: SourceConditions;
  /** When it began to watch the source, epoch ms. */
  readonly since?: number | undefined;
  /** How long the last complete sweep took, where that is longer than the interval. Milliseconds. */
  readonly lastSweep?: number | undefined;
}

/** What the process that delivers has seen of a destination. */
export interface DestinationSeen {
  readonly unreachable?: Condition | undefined;
  /** When a paused destination is tried again. Epoch ms. */
  readonly nextTry?: number | undefined;
}

/** What a process has seen: a daemon's own memory, or what it noted in the state for those beside it. */
export interface Seen {
  source(name: string): SourceSeen;
  destination(name: string): DestinationSeen;
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
    source: (name) => (rows.get(SUBJECTS.source(name)) ?? { conditions: {} }) as unknown as SourceSeen,
    destination: (name) => (rows.get(SUBJECTS.destination(name)) ?? {}) as DestinationSeen,
    reloadFailed: rows.get(SUBJECTS.reload) as Condition | undefined,
  };
}
