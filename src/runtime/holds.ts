import { longestWaitingFirst } from '../collect/due.ts';
import type { Config } from '../config/types.ts';
import type { Journal } from '../journal/journal.ts';
import type { Hold, Subject } from '../journal/leases.ts';
import type { ReplicaFigures } from '../observe/snapshot.ts';
import { type Reports, storedReports } from '../observe/status.ts';
import { runAll } from './run-all.ts';

/** A source or a destination to work on, for as long as it is held. */
export interface Assignment {
  readonly hold: Hold;
  /** Aborts when the work is to end as at a stop: another process is to go on, or the hold was lost. */
  readonly ending: AbortSignal;
  /** What was reported of it last, by this or another process. */
  readonly reports: Reports;
}

/** Works on a source or a destination until its `ending`, or until it is done. */
export type Work = (assignment: Assignment) => Promise<void>;

/** Those of these subjects with which another process has done meanwhile what is to be done. */
export type DoneElsewhere = (subjects: readonly Subject[]) => Promise<readonly Subject[]>;

/** Which sources and destinations this process works on, and when. */
export interface Holds {
  /** Whether this process works on it now. */
  has(subject: Subject): boolean;
  /** This process as one of several replicas; undefined when it holds the whole state. */
  readonly replica: ReplicaFigures | undefined;
  /**
   * Does the work on each subject while it is held. Resolves when the work on all of them has ended for good; when one
   * fails, all end, and it rejects with the first failure. What another process holds is waited for, unless it is done
   * there.
   */
  run(subjects: readonly Subject[], work: Work, doneElsewhere?: DoneElsewhere): Promise<void>;
}

interface HoldsParts {
  readonly journal: Pick<Journal, 'streams' | 'states'>;
  /** Ends all loops of the app. */
  abort(): void;
}

/** One process holds the whole state, from its start to its end. */
export class WholeState implements Holds {
  readonly replica = undefined;
  readonly #parts: HoldsParts;

  constructor(parts: HoldsParts) {
    this.#parts = parts;
  }

  has(): boolean {
    return true;
  }

  async run(subjects: readonly Subject[], work: Work): Promise<void> {
    const { journal } = this.#parts;
    const reports = storedReports(await journal.states.all());
    const first = await longestWaitingFirst(journal.streams, subjects);
    await runAll(
      this.#parts,
      first.map((subject) => work({ hold: held(subject), ending: never, reports })),
    );
  }
}

const never = new AbortController().signal;

/** A hold that lasts as long as the process. */
function held(subject: Subject): Hold {
  return { subject, signal: never, requireValid: () => undefined };
}

/** All that a configuration names: its sources, then its destinations. */
export function subjectsOf({ sources, destinations }: Config): readonly Subject[] {
  return [
    ...sources.map(({ name }) => ({ kind: 'source', name }) as const),
    ...destinations.map(({ name }) => ({ kind: 'destination', name }) as const),
  ];
}
