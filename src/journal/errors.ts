import { PenstockError, StateError } from '../core/errors.ts';

/**
 * A read or a write of the journal failed, and the state is as it was before: no space, an I/O error, a lock that lasted.
 * It can be tried again, so a poll fails and is repeated.
 */
export class JournalWriteError extends PenstockError {
  override readonly name = 'JournalWriteError' as const;
  readonly blame = 'nobody' as const;
}

/** The disk of the state is full or fails. This may pass. */
export class StateDiskError extends StateError {}

/** The process that holds a state. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
  /** The command, `run` for a daemon; undefined where it is not known. */
  readonly command?: string | undefined;
}

/** Another process holds the state. It may be able to run a job instead. */
export class StateInUseError extends StateError {
  /** Undefined where it is not known yet. */
  readonly holder: Holder | undefined;

  constructor(message: string, holder: Holder | undefined) {
    super(message);
    this.holder = holder;
  }
}
